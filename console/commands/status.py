"""`leadflow status`: parts, workers, readiness with reasons, plan, pauses, what waits, in 80 columns."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from config.intake import pause_reason
from config.settings import load_settings
from console.cluster.cluster import KAFKA
from console.cluster.processes import is_running
from console.cluster.state import ClusterState, PartState, read_state
from console.cluster.worker_process import Readiness, ask_readiness
from console.commands.up import DEFAULT_DATA
from console.pausing import pauses
from console.reach import Reach
from console.screen import age, count, screen, table, utc
from console.work_left import Waiting, waiting
from schemas.errors import LeadflowError
from schemas.reasons import PAUSED
from schemas.records import BuyerStatus
from schemas.topics import BUYER_STATUS

EXIT_NOT_WELL = 1
UNKNOWN = "plan, pauses and what waits are not known"


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="LEADFLOW_DATA",
    default=DEFAULT_DATA,
    show_default=True,
    help="Folder of the cluster.",
)
def command(data: Path) -> int:
    """Show what runs, what is ready and why not, the plan in force, what is paused, and how many records wait.

    Where `leadflow up` runs nothing in the folder and LEADFLOW_KAFKA names a Kafka, the workers are those of its
    consumer group. Exits with 1 when something that should run does not, a worker is not ready, or Kafka does not
    answer.
    """
    state, console = read_state(data), screen()
    if state is None or not state.parts:
        way = Reach(load_settings({**os.environ, "LEADFLOW_DATA": str(data)}))
        if way.settings.kafka:
            return _elsewhere(console, way)
        click.echo(f"nothing runs in {data}; `leadflow up` starts it")
        return EXIT_NOT_WELL
    supervised = state.is_supervised()
    ready = {name: ask_readiness(port) for name, port in state.ports.items()}
    console.print(
        f"data {data.resolve()}\nKafka {state.kafka}   Valkey {state.redis}   prefix {state.prefix or '(none)'}\n"
    )
    if not supervised:
        console.print(
            Text.assemble(("Nobody looks after these parts", "bold"), ": `leadflow up` was killed. Start it again.\n")
        )
    console.print(_parts(state, ready))
    for name, part in state.parts.items():
        for why in _reasons(part, ready.get(name)):
            console.print(f"  {name}: {why}")
    if reason := pause_reason(data):
        console.print(Text.assemble("\n", ("Intake is paused", "bold"), f": {reason}"))
    console.print()
    if KAFKA in state.parts and not _runs(state.parts[KAFKA]):
        console.print(f"{UNKNOWN}: Kafka is down")
        return EXIT_NOT_WELL
    told = _tell_topics(console, Reach(load_settings({**os.environ, "LEADFLOW_DATA": str(data)})))
    return 0 if told and supervised and _is_well(state, ready) else EXIT_NOT_WELL


def _elsewhere(console: Console, way: Reach) -> int:
    """Show workers that nobody here has started, as their group knows them."""
    console.print(f"Kafka {way.settings.kafka}   prefix {way.settings.prefix or '(none)'}\n")
    if members := way.reader.members(way.group):
        shown = table("worker", "host", "partitions", right=(2,))
        for member in members:
            shown.add_row(member.name, member.host, str(member.partitions))
        console.print(shown)
        console.print("each one's web port says at /health/ready whether it is ready, and why not\n")
    else:
        console.print(f"no worker is in the group {way.group}\n", style="bold")
    return 0 if _tell_topics(console, way) and members else EXIT_NOT_WELL


def _is_well(state: ClusterState, ready: dict[str, Readiness]) -> bool:
    return all(_runs(part) for part in state.parts.values()) and all(answer.ready for answer in ready.values())


def _runs(part: PartState) -> bool:
    return part.identity is not None and is_running(part.identity)


def _parts(state: ClusterState, ready: dict[str, Readiness]) -> Table:
    shown = table("part", "state", "pid", "up for", "restarts", "web port", right=(2, 4, 5))
    for name, part in state.parts.items():
        runs = _runs(part)
        shown.add_row(
            name,
            _state_word(runs, ready.get(name)),
            str(part.identity.pid) if runs and part.identity else "-",
            age(time.time_ns() // 1_000_000 - part.started_at) if runs else "-",
            str(part.restarts),
            str(state.ports.get(name, "-")),
        )
    return shown


def _state_word(runs: bool, answer: Readiness | None) -> str:
    if not runs:
        return "down"
    return "runs" if answer is None else "ready" if answer.ready else "not ready"


def _reasons(part: PartState, answer: Readiness | None) -> Iterator[str]:
    """Say why a part is down or a worker is not ready; nothing of what is well."""
    runs = _runs(part)
    if not runs and part.note:
        yield part.note
    if runs and answer is not None and not answer.ready:
        yield from answer.reasons or ("it gives no reason",)


def _tell_topics(console: Console, way: Reach) -> bool:
    """Print what only the topics know; return False, after saying why, when they cannot be read."""
    try:
        for line in _plan_and_pauses(way):
            console.print(line)
    except LeadflowError as problem:
        console.print(f"{UNKNOWN}: {problem}")
        return False
    return True


def _plan_and_pauses(way: Reach) -> Iterator[str]:
    """Read the plan's version, all pauses and what waits from the topics. Raises LeadflowError."""
    plan = way.newest_plan()
    yield (
        f"plan version {plan.version}, applied {utc(plan.applied_at)}"
        if plan
        else ("no plan yet; `leadflow plan apply PATH`")
    )
    yield from list(_pauses(way)) or ["nothing is paused"]
    yield waiting_in_words(waiting(way.reader, way.group))


def waiting_in_words(now: Waiting) -> str:
    """Return what waits, by topic, the longest queue first."""
    if not now.topics:
        return "nothing waits: all that came in is worked off"
    number = f"{'' if now.exact else 'about '}{count(now.topics.total(), 'record')}"
    verb = "waits" if now.topics.total() == 1 else "wait"
    return f"{number} {verb}: " + ", ".join(f"{topic} {records:,}" for topic, records in now.topics.most_common())


def _pauses(way: Reach) -> Iterator[str]:
    for pause in pauses(way):
        yield f"paused: {pause.kind} {pause.id}{_until(pause.until)}"
    for record in way.latest(BUYER_STATUS):
        if isinstance(record, BuyerStatus) and not record.open and record.reason in PAUSED:
            yield (
                f"paused: contract {record.contract_id} of buyer {record.buyer_id}: {record.reason}"
                f"{_until(record.closed_until)}"
            )


def _until(until_ms: int) -> str:
    return f" until {utc(until_ms)}" if until_ms >= 0 else ""
