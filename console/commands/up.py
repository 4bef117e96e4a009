"""`leadflow up`: everything on this machine, with real parts, until it is told to stop."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from config.settings import Settings, load_settings
from console.cluster.cluster import Cluster
from console.cluster.problems import ClusterProblem, StartFailed
from console.cluster.stop_signals import interrupted_by_signals
from console.commands.plan import load_checked
from console.reach import reach
from console.screen import count, fetching_kafka
from console.topics import create_topics

DEFAULT_DATA = ".leadflow"
WORKERS_MAX = 64
PLAN_TIMEOUT_S = 120


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="LEADFLOW_DATA",
    default=DEFAULT_DATA,
    show_default=True,
    help="Folder for everything that is kept.",
)
@click.option("--workers", type=click.IntRange(1, WORKERS_MAX), default=2, show_default=True, help="Worker processes.")
@click.option("--plan", type=click.Path(path_type=Path, exists=True), help="Plan to apply before the workers start.")
def command(data: Path, workers: int, plan: Path | None) -> None:
    """Run everything on this machine and stay up.

    Starts Kafka and Valkey from packages (or uses those that LEADFLOW_KAFKA and LEADFLOW_REDIS name), makes the
    topics, applies the plan if one is given, and keeps the workers running. Ctrl-C or `leadflow down` stops it
    cleanly; after a crash, start it again on the same folder.
    """
    environ = {**os.environ, "LEADFLOW_DATA": str(data.resolve())}
    settings = load_settings(environ)
    if plan:
        load_checked(plan, settings)  # a wrong one is told before anything is started
    with interrupted_by_signals(_say_stopping):
        try:
            with Cluster(data, settings, environ, say=click.echo, progress=fetching_kafka) as cluster:
                _bring_up(cluster, settings, workers, plan)
                cluster.run(until=lambda: False)
        except KeyboardInterrupt:
            click.echo("stopped")


def _bring_up(cluster: Cluster, settings: Settings, workers: int, plan: Path | None) -> None:
    click.echo(f"starting Kafka and Valkey in {cluster.folder}")
    cluster.start_parts()
    environ = cluster.environment()
    made = create_topics(load_settings(environ))
    click.echo(f"{count(len(made), 'topic')} made" if made else "all topics are there")
    if plan:
        _apply(plan, environ)
    click.echo(f"starting {count(workers, 'worker')}")
    cluster.start_workers(workers)
    _wait_ready(cluster, environ)
    click.echo(f"  data in {cluster.folder}\n  Kafka {cluster.kafka}, Valkey {cluster.redis}")
    for name, worker in cluster.workers.items():
        click.echo(f"  {name}: health, metrics and schemas at http://127.0.0.1:{worker.web_port}")
    click.echo(
        "bring leads in with `leadflow import`, look with `leadflow status`\nstop with Ctrl-C or `leadflow down`"
    )


def _wait_ready(cluster: Cluster, environ: Mapping[str, str]) -> None:
    """Wait for the workers and say how it stands. One that is not ready keeps nobody from staying up."""
    has_plan = reach(environ).newest_plan() is not None
    try:
        cluster.wait_ready(or_answering=not has_plan)
    except StartFailed as problem:
        click.echo(f"{problem}\nstaying up all the same:")
        return
    click.echo("ready:" if has_plan else "up, and ready as soon as there is a plan (`leadflow plan apply PATH`):")


def _apply(plan: Path, environ: Mapping[str, str]) -> None:
    """Apply the plan by the same command that a person would use. Raises ClusterProblem when it is refused."""
    done = subprocess.run(
        [sys.executable, "-m", "console", "plan", "apply", str(plan), "--yes"],
        env=dict(environ),
        timeout=PLAN_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise ClusterProblem(f"the plan {plan} was not applied, see above; no worker was started")


def _say_stopping(signal_name: str) -> None:
    click.echo(f"stopping ({signal_name}): workers, then Valkey, then Kafka")
