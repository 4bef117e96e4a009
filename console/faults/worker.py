"""The harness's own worker: the product's, but it dies or freezes at a named step when it is told to.

    python -m console.faults.worker --name w1

    LEADFLOW_TEST_DOOM          a file; while it holds `STEP SIGNAL` the worker sends itself the signal at that step
    LEADFLOW_TEST_CLOCK_OFF_MS  the machine's clock as this process sees it is off by so much
    LEADFLOW_TEST_POISON        records that hold this text end in `kill` or `hang`, as a fault in a C library would
    LEADFLOW_TEST_WATCHDOG_S    an epoch that is prepared or processed for longer hangs; the product's own is 45

The product knows nothing of it: the wrappers below are put in the place of the classes that `agents.worker` uses.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agents import start, worker
from agents.dedup.stage import DedupStage
from streams import faust_driver
from streams.client import GroupMetadata, Place, Placed
from streams.kafka.client import KafkaClient
from streams.stage import Batch, Message, TopicPartition

DOOM = "LEADFLOW_TEST_DOOM"
CLOCK_OFF = "LEADFLOW_TEST_CLOCK_OFF_MS"
POISON = "LEADFLOW_TEST_POISON"
WATCHDOG = "LEADFLOW_TEST_WATCHDOG_S"
KILLS, HANGS = b"-kill", b"-hang"

STEPS = ("polled", "processed", "produced", "flushed", "offsets sent", "committed")
"""Where an epoch can be struck; what is named has just been done."""


class Doomed(KafkaClient):
    """Strikes its own process at the step that the doom file names, once."""

    _doom = Path(os.environ.get(DOOM, os.devnull))

    def _after(self, step: str) -> None:
        if self._armed(step):
            number = signal.Signals[self._doom.read_text(encoding="utf-8").rpartition(" ")[2]]
            self._doom.rename(self._doom.with_suffix(".done"))  # its change time is the moment of the fault
            os.kill(os.getpid(), number)

    def _armed(self, step: str) -> bool:
        try:
            return self._doom.read_text(encoding="utf-8").rpartition(" ")[0] == step
        except FileNotFoundError:
            return False

    def poll(self, max_records: int, timeout_s: float) -> list[Message]:
        """See the seam."""
        messages = super().poll(max_records, timeout_s)
        if messages:
            self._after("polled")
        return messages

    def begin(self) -> None:
        """See the seam."""
        self._after("processed")
        super().begin()

    def produce(self, placed: Placed) -> None:
        """See the seam. The broker has one record before the process is struck: an open transaction is left."""
        if placed and self._armed("produced"):
            place, outputs = next(iter(placed.items()))
            super().produce({place: outputs[:1]})
            super().flush()
            self._after("produced")
        super().produce(placed)

    def flush(self) -> Mapping[Place, tuple[int, int]]:
        """See the seam."""
        offsets = super().flush()
        self._after("flushed")
        return offsets

    def send_offsets(self, offsets: Mapping[TopicPartition, int], metadata: GroupMetadata) -> None:
        """See the seam."""
        super().send_offsets(offsets, metadata)
        self._after("offsets sent")

    def commit(self) -> None:
        """See the seam."""
        super().commit()
        self._after("committed")


class Fragile(DedupStage):
    """Dies or hangs over a poison record, where a stranger's bytes are first looked into."""

    _marker = os.environ.get(POISON, "").encode()

    def prepare(self, batches: Sequence[Batch]) -> None:
        """See the stage."""
        for value in (message.value or b"" for batch in batches for message in batch.messages):
            if self._marker + KILLS in value:
                os.kill(os.getpid(), signal.SIGKILL)
            while self._marker + HANGS in value:
                time.sleep(1)
        super().prepare(batches)


def shift_clock(off_ms: int) -> None:
    """Let this process see another time than the machine's, as on a machine whose clock is wrong."""
    real_ns, real_s = time.time_ns, time.time
    changes: dict[str, Any] = {
        "time_ns": lambda: real_ns() + off_ms * 1_000_000,
        "time": lambda: real_s() + off_ms / 1000,
    }
    for name, changed in changes.items():
        setattr(time, name, changed)


def main(arguments: Sequence[str]) -> int:
    """Run a worker under the name given."""
    if off_ms := int(os.environ.get(CLOCK_OFF, "0")):
        shift_clock(off_ms)
    if WATCHDOG in os.environ:
        faust_driver.PROCESSING_S = float(os.environ[WATCHDOG])
    replaced: dict[str, type] = {}
    if DOOM in os.environ:
        replaced["KafkaClient"] = Doomed
    if POISON in os.environ:
        replaced["DedupStage"] = Fragile
    for name, wrapper in replaced.items():
        setattr(worker, name, wrapper)
    return start.main(arguments[arguments.index("--name") + 1])


if __name__ == "__main__":
    sys.exit(main(sys.argv))
