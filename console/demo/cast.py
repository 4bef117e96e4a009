"""Runs the demo's cast: a cluster for a while, its plan, its file of leads, a kill half way, the wait for the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import config.plan.samples as samples
from config.plan.check import check_sources
from config.plan.reading import read_files
from config.setting_problems import PREFIX
from config.settings import load_settings
from console.applying import apply, prepare_topics, step_to
from console.cluster.cluster import Cluster
from console.cluster.jars import Progress
from console.cluster.kafka_settings import BRIEF
from console.demo import leads
from console.importing.mapping import Origin, guess
from console.importing.reading import detect, read_header, read_rows
from console.importing.sending import Rejects, Tally, send
from console.producing import Sender
from console.reach import Reach, reach
from console.reading import Unreachable
from console.work_left import left
from schemas.errors import LeadflowError

CAMPAIGN, SUPPLIER = "solar-us", "acme-forms"
#: A Tuesday morning on which all of the plan's zones are awake: 10:00 in Los Angeles, 13:00 in New York.
START = datetime(2026, 6, 2, 17, 0, tzinfo=UTC)
#: The import takes about this long, so that there is something to watch and something in flight at the kill.
IMPORT_S = 5.0
#: After the last lead was sent, everything must have ended by then: a killed worker is back within 3 s.
DRAIN_TIMEOUT_S = 60.0
LOOK_EVERY_S = 0.2
#: Starts fast as BRIEF does, but nobody kills this broker: on a busy machine, a session of 1 s takes a living one for
#: dead, and everything waits for its leaders.
PROFILE = replace(BRIEF, session_timeout_ms=18_000, heartbeat_ms=2_000)
WORKERS = 2
VICTIM = "w1"


class DemoFailed(LeadflowError):
    """The demo did not come to its end; the message says at which step, and where the logs are."""


@dataclass(frozen=True, slots=True)
class Kill:
    """The kill: how many leads were sent by then, and how many of them had not ended."""

    sent: int
    in_flight: int


def pretended(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the demo: nobody's settings, and a clock that begins at `START` now."""
    own = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    own |= {name: value for name, value in environ.items() if name.startswith("LEADFLOW_CACHE")}
    return own | {
        "LEADFLOW_CLOCK_START": f"{START:%Y-%m-%dT%H:%M:%SZ}",
        "LEADFLOW_CLOCK_ANCHOR_MS": str(time.time_ns() // 1_000_000),
    }


@contextmanager
def cast(
    folder: Path,
    environ: Mapping[str, str],
    say: Callable[[str], None],
    step: Callable[[str], None],
    progress: Progress | None = None,
) -> Iterator[tuple[Cluster, Reach]]:
    """Run a cluster with topics, the demo's plan and two ready workers; stop all of it at the end.

    `say` is told what the supervisor does, `step` what is done, `progress` of each of Kafka's files that is fetched.
    """
    given = {**environ, "LEADFLOW_DATA": str(folder)}
    with Cluster(folder, load_settings(given), given, say=say, profile=PROFILE, progress=progress) as cluster:
        cluster.start_parts()
        step("Kafka and Valkey answer")
        way = reach(cluster.environment())
        way.create_topics()
        cluster.start_workers(WORKERS)  # they start while the plan is applied, and wait for it
        _apply_plan(way)
        step("topics are made and the plan is in force")
        cluster.wait_ready()
        step(f"{WORKERS} workers are ready")
        yield cluster, way


def plan_path() -> Path:
    """Return where the demo's plan lies."""
    return Path(next(iter(samples.__path__))) / "demo.yaml"


def _apply_plan(way: Reach) -> None:
    sources = read_files(plan_path())
    step = step_to(check_sources(sources), sources, way.newest_plan())
    prepare_topics(step.plan, way.topic_admin, way.sizes)
    if not step.is_same:
        apply(way, step)


def import_leads(
    cluster: Cluster, way: Reach, file: Path, count: int, on_lead: Callable[[], object]
) -> tuple[Kill, Sender]:
    """Import the file at an even pace; half way, kill a worker with -9. Everything else goes on.

    Returns:
        What was in flight at the kill, and the sender with the number of leads that Kafka has taken.
    """
    form = detect(file)
    header = read_header(file, form)
    columns = guess(header, [rule.name for rule in way.plan().campaigns[CAMPAIGN].fields], {})
    origin = Origin(CAMPAIGN, SUPPLIER, test=False, key=way.settings.hash_key_bytes)
    sender, tally, kill = Sender(way.address), Tally(), Kill(0, 0)
    begun = time.monotonic()
    with Rejects(file.with_suffix(".rejects.csv"), file) as rejects:
        rows = read_rows(file, form, len(header))
        for _ in send(rows, columns, origin, way.codec, sender, rejects, way.clock.now_ms, tally):
            on_lead()
            if tally.handed_over == count // 2:
                kill = _kill(cluster, way, sender)
            _keep_pace(cluster, begun, tally.handed_over / count)
    sender.flush()
    if tally.rejected:
        raise DemoFailed(f"{tally.rejected} of our own rows could not be read: see {rejects.path}")
    return kill, sender


def _keep_pace(cluster: Cluster, begun: float, share: float) -> None:
    """Wait until it is time for the next lead, and let the supervisor bring back who has ended."""
    cluster.round()
    ahead_s = share * IMPORT_S - (time.monotonic() - begun)
    if ahead_s > 0:
        time.sleep(min(ahead_s, LOOK_EVERY_S))


def _kill(cluster: Cluster, way: Reach, sender: Sender) -> Kill:
    """Kill the worker while records are in flight: those received and not worked off a moment before."""
    sender.flush()
    in_flight = left(way.reader, way.group)
    cluster.workers[VICTIM].kill()
    return Kill(sender.acknowledged, in_flight)


def drain(cluster: Cluster, way: Reach) -> None:
    """Wait until all work is done, while the supervisor goes on. Raises DemoFailed with what stands still."""
    deadline = time.monotonic() + DRAIN_TIMEOUT_S
    while open_ := _left(way):
        cluster.round()
        if time.monotonic() > deadline:
            reasons = [f"{name}: {', '.join(w.readiness().reasons) or 'ready'}" for name, w in cluster.workers.items()]
            raise DemoFailed(
                f"{open_} records were not worked off within {DRAIN_TIMEOUT_S:.0f} s; {'; '.join(reasons)}; "
                f"the workers' logs are in {cluster.folder / 'workers'}"
            )
        time.sleep(LOOK_EVERY_S)


def _left(way: Reach) -> int | str:
    """Return how many records are left, 0 when all work is done; words while Kafka cannot say."""
    try:
        return left(way.reader, way.group)
    except Unreachable as silent:
        return f"({silent}) some"


def write_leads(folder: Path, count: int, seed: int) -> tuple[Path, list[leads.Lead]]:
    """Write the demo's file; return it and what it was made of."""
    made = leads.make(count, seed)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "leads.csv"
    leads.write(made, path)
    return path, made
