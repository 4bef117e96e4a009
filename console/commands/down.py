"""`leadflow down`: stop what `leadflow up` runs in a data folder."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import click

from console.cluster import processes
from console.cluster.problems import StartFailed
from console.cluster.state import ClusterState, read_state, write_state
from console.commands.up import DEFAULT_DATA

STOP_TIMEOUT_S = 90.0
LEFTOVER_TIMEOUT_S = 15.0
POLL_S = 0.1


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="LEADFLOW_DATA",
    default=DEFAULT_DATA,
    show_default=True,
    help="Folder of the cluster.",
)
def command(data: Path) -> None:
    """Stop what `leadflow up` runs, and whatever an `up` that was killed has left running."""
    state = read_state(data)
    if state is None or (state.supervisor is None and not state.parts):
        click.echo(f"nothing runs in {data}")
        return
    if state.supervisor and state.is_supervised():
        _stop_supervisor(state.supervisor)
    ended = _end_left(data)
    click.echo("stopped" + (f"; ended what was left over: {', '.join(ended)}" if ended else ""))


def _stop_supervisor(supervisor: processes.Identity) -> None:
    """Ask the supervisor to stop cleanly and wait for it. Raises StartFailed when it does not."""
    os.kill(supervisor.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while processes.is_running(supervisor):
        if time.monotonic() > deadline:
            raise StartFailed(
                f"`leadflow up` (pid {supervisor.pid}) has not stopped within {STOP_TIMEOUT_S:.0f} s: kill it,"
                " then run `leadflow down` again to end what it leaves"
            )
        time.sleep(POLL_S)


def _end_left(data: Path) -> list[str]:
    """End the parts that outlived their supervisor, last started first; return their names."""
    state: ClusterState | None = read_state(data)
    if state is None:
        return []
    ended = [
        name
        for name, part in reversed(list(state.parts.items()))
        if part.identity and processes.end(part.identity, timeout_s=LEFTOVER_TIMEOUT_S)
    ]
    write_state(data, state.stopped())
    return ended
