"""A large table to restore: so many entries after so many overwrites, then one worker that must have them all.

The table is that of routed leads, 8 partitions. Its changelog is filled by a plain producer with what a worker would
have written, round after round over the same keys; Kafka compacts meanwhile as it does in service.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from confluent_kafka import Producer

from console.bench.probe import rss_mb, start_steps
from console.cluster.ports import HOST
from console.cluster.worker_process import WorkerProcess
from console.faults.catalogue import Observed, alone
from console.faults.failure import FaultFailed
from console.faults.stand import Needs, Stand, stand
from schemas.records import Routed
from schemas.topics import changelog_topic
from streams.metric_catalogue import ENTRIES
from streams.partitioning import partition_of
from streams.positions import table_key
from streams.start_steps import JOINED, RESTORED

ENTRIES_DEFAULT, OVERWRITES_DEFAULT = 1_000_000, 10_000_000
TABLE, STAGE = "routed", "routing"
RECORDS_QUEUED_MAX = 200_000
FLUSH_LIMIT_S = 60.0
RESTORE_LIMIT_S = 240.0
LOOK_EVERY_S = 0.1
ANSWER_LIMIT_S = 5.0
VALUES = 64


@dataclass(frozen=True)
class Restored:
    """What one restore took; `log_mb` is what the changelog had on disk when it began: Kafka compacts by and by."""

    entries: int
    overwrites: int
    written_s: float
    log_mb: int
    ready_s: float
    restored_s: float
    #: Memory of the worker when it is ready.
    rss_mb: float
    #: Seconds from the start of the process to the end of each step of `streams.start_steps` until it was restored.
    steps_s: Mapping[str, float]


@alone(takes_s=300.0)
def restore_large_table(
    folder: Path, say: Callable[[str], None], entries: int = ENTRIES_DEFAULT, overwrites: int = OVERWRITES_DEFAULT
) -> Observed:
    """State comes back whole before the first record is processed, however often it was overwritten."""
    with stand(Needs(workers=0), folder, say) as here:
        found = measure(here, entries, overwrites)
    what = (
        f"{found.entries:,} entries after {found.overwrites:,} overwrites, {found.log_mb:,} MB of changelog "
        f"in 8 partitions: there {found.restored_s:.1f} s after they were assigned, {found.ready_s:.1f} s after launch"
    )
    return Observed(what, found.restored_s, 0, f"all {found.entries:,} entries")


def measure(here: Stand, entries: int, overwrites: int, name: str = "w1") -> Restored:
    """Fill the changelog, start a worker, wait until it is ready with every entry. Raises FaultFailed."""
    began = time.monotonic()
    _fill(here, entries, overwrites)
    written_s = time.monotonic() - began
    log_mb = sum(file.stat().st_size for file in here.cluster.folder.glob(f"kafka/data/*{STAGE}*/*.log")) // 1_000_000
    began = time.monotonic()
    worker = here.add_worker(name)
    deadline = began + RESTORE_LIMIT_S
    while not (answer := worker.readiness()).ready:
        if time.monotonic() > deadline:
            raise FaultFailed(f"the worker is not ready after {RESTORE_LIMIT_S:.0f} s: {'; '.join(answer.reasons)}")
        here.cluster.round()
        time.sleep(LOOK_EVERY_S)
    ready_s = time.monotonic() - began
    if (found := _entries(worker)) != entries:
        raise FaultFailed(f"{found} entries were restored, not {entries}")
    _, steps_s = start_steps(worker, RESTORED)
    took_s = (round(ready_s, 1), round(steps_s[RESTORED] - steps_s[JOINED], 1))
    return Restored(entries, overwrites, round(written_s, 1), log_mb, *took_s, rss_mb(worker), steps_s)


def _fill(here: Stand, entries: int, overwrites: int) -> None:
    """Write `entries` + `overwrites` records, round after round over the same keys."""
    way = here.way
    topic, count = changelog_topic(STAGE), way.settings.lead_partitions
    producer = Producer(
        way.address.client(
            **{
                "linger.ms": 50,
                "compression.type": "lz4",
                "batch.size": 1 << 18,
                "queue.buffering.max.messages": RECORDS_QUEUED_MAX,
                "enable.idempotence": True,
            }
        )
    )
    now_ms = way.clock.now_ms()
    values = [way.codec.encode(Routed(1, number % count, number, now_ms + number)) for number in range(VALUES)]
    places = [partition_of(f"lead-{number:08d}".encode(), count) for number in range(entries)]
    for number in range(entries + overwrites):
        key, deadline = table_key(TABLE, f"lead-{number % entries:08d}"), time.monotonic() + FLUSH_LIMIT_S
        while True:
            try:
                producer.produce(way.address.prefix + topic, values[number % VALUES], key, places[number % entries])
                break
            except BufferError:
                if time.monotonic() > deadline:
                    raise FaultFailed(f"Kafka takes no more after {number:,} records of the changelog") from None
                producer.poll(LOOK_EVERY_S)
    if producer.flush(FLUSH_LIMIT_S):
        raise FaultFailed("the changelog could not be written")


def _entries(worker: WorkerProcess) -> int:
    """Return how many entries of the stage the worker says that it has in memory."""
    with urlopen(f"http://{HOST}:{worker.web_port}/metrics", timeout=ANSWER_LIMIT_S) as response:
        lines = response.read().decode().splitlines()
    wanted = f"{ENTRIES.name}{{"
    return round(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted) and STAGE in line))
