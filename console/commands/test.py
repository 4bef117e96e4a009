"""`leadflow test`: pass the tests: the fast ones, the simulated ones, those on a real Kafka and Valkey."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import click

from console.cluster.jars import class_path
from console.cluster.problems import ClusterProblem
from console.screen import fetching_kafka

CHECKOUT = Path(__file__).resolve().parents[2]
LAYERS = (
    ("fast", ("-m", "fast", "--dist", "worksteal")),
    ("simulated", ("-m", "simulated", "--dist", "worksteal")),
    ("on Kafka and Valkey", ("-m", "kafka or redis", "--dist", "loadscope", "--no-loadscope-reorder")),
)
"""Name and pytest's options, in running order: whoever breaks a rule learns it in the first minute."""

PROCESSES_MAX = 4
"""Each has a Kafka of its own in the second layer: 400 MB and, at its start, 5 s of a core."""

SUITE_LIMIT_S = 40 * 60
TESTS_FAILED = 1
"""Pytest's code when it ran to its end and some tests failed."""

KEPT_VARIABLES = ("LEADFLOW_TEST_", "LEADFLOW_CACHE")
_COUNT = re.compile(r'\b(tests|skipped|failures|errors)="(\d+)"')
_SKIP = re.compile(r'<skipped[^>]*message="([^"]*)"')


class Outcome(NamedTuple):
    """How one run of pytest ended; `skips` are the reasons, one for each skipped test."""

    exit_code: int
    passed: int
    failed: int
    skips: tuple[str, ...]


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> int:
    """Pass the tests: the fast ones, the simulated ones, those on a real Kafka and Valkey, started for them.

    All of them run in as many processes as there are cores (at most 4). ARGUMENTS go to pytest, in one run and one
    process then: `leadflow test -m fast`, `leadflow test -k caps`, `leadflow test tests/unit`. What was skipped is
    named at the end, with the reason. LEADFLOW_TEST_KAFKA and LEADFLOW_TEST_REDIS name outside parts.
    """
    if not (CHECKOUT / "tests").is_dir():
        raise ClusterProblem(f"there are no tests in {CHECKOUT}: run it from a checkout of the project")
    class_path(fetching_kafka)
    started_s = time.monotonic()
    runs = [("all", arguments)] if arguments else [(name, (*options, "-n", _processes())) for name, options in LAYERS]
    outcomes = []
    for name, options in runs:
        click.echo(f"== tests: {name}")
        outcomes.append(_run(options))
        if outcomes[-1].exit_code not in (0, TESTS_FAILED):
            click.echo(f"pytest ended with code {outcomes[-1].exit_code}: the counts below are not those of all tests")
    _say(outcomes, time.monotonic() - started_s)
    return next((outcome.exit_code for outcome in outcomes if outcome.exit_code), 0)


def _processes() -> str:
    return str(min(os.cpu_count() or 1, PROCESSES_MAX))


def _run(options: Sequence[str]) -> Outcome:
    """Run pytest in a process of its own, without the user's settings: they would be part of the tests."""
    with tempfile.TemporaryDirectory(prefix="leadflow-test-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junit-xml={report}", *options]
        done = subprocess.run(command, cwd=CHECKOUT, env=_environment(os.environ), timeout=SUITE_LIMIT_S, check=False)
        return read_report(report.read_text(encoding="utf-8") if report.exists() else "", done.returncode)


def read_report(text: str, exit_code: int) -> Outcome:
    """Read pytest's JUnit report; an empty one (pytest did not start) counts nothing."""
    counts = {name: int(number) for name, number in reversed(_COUNT.findall(text))}
    failed = counts.get("failures", 0) + counts.get("errors", 0)
    passed = counts.get("tests", 0) - failed - counts.get("skipped", 0)
    return Outcome(exit_code, passed, failed, tuple(_SKIP.findall(text)))


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith("LEADFLOW_") or name.startswith(KEPT_VARIABLES)
    }


def _say(outcomes: Sequence[Outcome], took_s: float) -> None:
    skips = [reason for outcome in outcomes for reason in outcome.skips]
    for reason in sorted(set(skips)):
        click.echo(f"skipped {skips.count(reason)}: {reason}")
    passed, failed = sum(one.passed for one in outcomes), sum(one.failed for one in outcomes)
    click.echo(f"{passed} passed, {failed} failed, {len(skips)} skipped in {took_s:.0f} s")
