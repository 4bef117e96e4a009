"""One trial: a stand under load, faults that count, what was seen of them, and the auditor's word at the end.

A fault counts only if records were in flight before it and were processed after it: so it is brought about while
more was sent than has ended, and waited for until new records have come out of every partition concerned.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from console.audit.topics import audit
from console.bench import w1
from console.cluster.worker_process import WorkerProcess
from console.faults.failure import FaultFailed
from console.faults.load import Load
from console.faults.stand import LEADS_MIN, Stand
from console.faults.watch import Watch, silence_s
from console.reach import Reach
from console.reading import Address
from schemas.reasons import Reason
from schemas.topics import OFFERS, RECEIVED, SCORED, SOLD, UNIQUE
from streams.stage import TopicPartition

ROUND_S = 0.05
WARM_UP_LEADS = 100
IN_FLIGHT_MIN = 3
IN_FLIGHT_LIMIT_S = 60.0
#: More than the 60 s after which a worker that its group does not take back ends.
GO_ON_LIMIT_S = 100.0
DRAIN_LIMIT_S = 120.0
#: A partition that was silent for longer before a fault says nothing about how long the fault lasted.
LIVELY_S = 2.0
ASK_LIMIT_S = 5.0
#: The others are quiet at times, and their silence says nothing.
BUSY = frozenset({RECEIVED, UNIQUE, SCORED, OFFERS, SOLD})


class Moment(NamedTuple):
    """One moment by both clocks: monotonic, and the one that the broker stamps with."""

    at_s: float
    at_ms: int


class Recovery(NamedTuple):
    """A fault that counted: how many records were in flight, and the longest silence of a partition concerned."""

    in_flight: int
    silence_s: float


@dataclass
class Trial:
    """Keeps the stand going, brings faults about, and judges. Not for use from two threads."""

    here: Stand
    load: Load
    watch: Watch
    #: Ends that do not come from the load: records of strangers.
    others: int = 0

    def __post_init__(self) -> None:
        self.recoveries: list[Recovery] = []

    # --- waiting ---------------------------------------------------------------------------------------------

    def wait(self, holds: Callable[[], object], limit_s: float, what: str) -> None:
        """Keep everything going until `holds`. Raises FaultFailed with `what` after `limit_s`."""
        deadline = time.monotonic() + limit_s
        while not holds():
            for error in (self.load.error, self.watch.error):
                if error is not None:
                    raise FaultFailed(f"the harness itself failed: {type(error).__name__}: {error}") from error
            if time.monotonic() > deadline:
                raise FaultFailed(f"{what}: not within {limit_s:.0f} s ({self._standing()})")
            self.here.cluster.round()
            time.sleep(ROUND_S)

    def pause(self, seconds: float) -> None:
        """Let a fault last: everything else goes on meanwhile."""
        until = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= until, seconds + 1, "a pause")

    def warm_up(self) -> None:
        """Wait until records flow."""
        self.wait(lambda: self.watch.ended >= WARM_UP_LEADS, GO_ON_LIMIT_S, "no records flow")

    def _standing(self) -> str:
        workers = {name: worker.readiness() for name, worker in self.here.cluster.workers.items()}
        said = [f"{name} {'is ready' if one.ready else '; '.join(one.reasons)}" for name, one in workers.items()]
        return f"{self.load.sent} sent, {self.watch.ended} ended; {'; '.join(said)}"

    # --- faults ----------------------------------------------------------------------------------------------

    def now(self) -> Moment:
        """Return the moment."""
        return Moment(time.monotonic(), self.here.way.clock.now_ms())

    def in_flight(self) -> int:
        """Return how many records of the load have not ended yet."""
        return self.load.sent + self.others - self.watch.ended

    def await_flight(self, what: str) -> int:
        """Let an earlier backlog be worked off, the load flow again and records be in flight; return how many."""
        self.load.held = self.in_flight() > self.load.rate
        self.wait(lambda: self.in_flight() <= self.load.rate, GO_ON_LIMIT_S, f"the backlog is not gone before {what}")
        self.load.held, flowing = False, self.watch.ended + self.load.rate
        self.wait(lambda: self.watch.ended >= flowing, GO_ON_LIMIT_S, f"nothing flows before {what}")
        self.wait(lambda: self.in_flight() >= IN_FLIGHT_MIN, IN_FLIGHT_LIMIT_S, f"no record in flight before {what}")
        return self.in_flight()

    def fault(
        self, what: str, inject: Callable[[], Moment | None], of: Iterable[TopicPartition] | None = None
    ) -> Recovery:
        """Bring a fault about while records are in flight; wait until the partitions concerned have gone on.

        `inject` returns the moment of the fault when it is not that of the call. `of`: the partitions concerned,
        by default all that have moved just before.
        """
        in_flight = self.await_flight(what)
        before = self.now()
        moment = inject() or before
        return self.recovered(what, in_flight, moment, of)

    def recovered(
        self, what: str, in_flight: int, moment: Moment, of: Iterable[TopicPartition] | None = None
    ) -> Recovery:
        """Wait until every partition concerned has moved since the moment, and more records have ended; note it."""
        lively = self._lively(moment)
        concerned = lively & set(of or ()) or lively
        if not concerned:
            raise FaultFailed(f"nothing had come out just before {what}")
        ended = self.watch.ended
        self.wait(lambda: not self.still(concerned, moment), GO_ON_LIMIT_S, f"not all partitions went on after {what}")
        self.wait(lambda: self.watch.ended > ended + in_flight, GO_ON_LIMIT_S, f"work did not go on after {what}")
        moves = self.watch.moves()
        silences = [silence_s(moves[at], moment.at_ms, moment.at_s) or 0.0 for at in concerned]
        self.recoveries.append(Recovery(in_flight, round(max(silences, default=0.0), 1)))
        return self.recoveries[-1]

    def _lively(self, moment: Moment) -> set[TopicPartition]:
        """Return the partitions that moved just before a moment, of the topics through which every lead goes."""
        earliest = moment.at_s - LIVELY_S
        return {
            at
            for at, moves in self.watch.moves().items()
            if at.topic in BUSY and any(earliest <= move.seen_s <= moment.at_s for move in moves)
        }

    def still(self, concerned: Iterable[TopicPartition], moment: Moment) -> list[TopicPartition]:
        """Return the partitions that have not moved since."""
        moves = self.watch.moves()
        return [at for at in concerned if silence_s(moves[at], moment.at_ms, moment.at_s) is None]

    def strike(self, name: str, step: str, signal_name: str = "SIGKILL") -> Moment:
        """Let a worker strike itself at a step of its next epoch that gets there; return when it did."""
        doom, done = self.here.doom(name), self.here.doom(name).with_suffix(".done")
        done.unlink(missing_ok=True)
        part = doom.with_suffix(".part")
        part.write_text(f"{step} {signal_name}", encoding="utf-8")
        part.rename(doom)
        self.wait(done.exists, IN_FLIGHT_LIMIT_S, f"{name} never came to the step '{step}'")
        now, ago_s = self.now(), time.time() - done.stat().st_ctime
        return Moment(now.at_s - ago_s, now.at_ms - round(ago_s * 1000))

    def owned_by(self, name: str) -> set[TopicPartition]:
        """Return the source partitions of a worker, as the group's coordinator has them."""
        return owned_partitions(self.here.way.address, self.here.way.group).get(name, set())

    def restarts(self, name: str) -> int:
        """Return how often the supervisor has started a part again."""
        return self.here.cluster.supervisor.states()[name].restarts

    def until_ended(self, worker: WorkerProcess, limit_s: float, what: str) -> int:
        """Wait until a worker that nobody looks after has ended; return its exit code."""
        self.wait(lambda: worker.exit_code() is not None, limit_s, what)
        return worker.exit_code() or 0

    def until_ready(self) -> None:
        """Wait until every worker says that it is ready."""
        workers = self.here.cluster.workers.values()
        self.wait(lambda: all(w.readiness().ready for w in workers), GO_ON_LIMIT_S, "not all workers are ready")

    # --- the end ---------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Send at least what fills the caps, then no more; wait until everything has ended."""
        self.wait(lambda: self.load.sent >= LEADS_MIN, DRAIN_LIMIT_S, "the load was not sent")
        self.load.stop()
        self.wait(lambda: self.load.done, DRAIN_LIMIT_S, "the load was not acknowledged")
        self.wait(lambda: self.in_flight() <= 0, DRAIN_LIMIT_S, "not all leads ended")

    def judge(self) -> str:
        """Let the auditor judge, and compare with what was sent. Returns its words. Raises FaultFailed."""
        judged = audited(self.here.way)
        expected, refused = w1.mix(self.load.sent), self.watch.refused
        repeats, duplicates = refused[Reason.REPEAT], refused[Reason.DUPLICATE]
        rest = refused.total() + self.watch.dead.total() - repeats - duplicates - self.others
        found = w1.Mix(self.watch.unique - repeats, duplicates, rest)
        if found != expected or f"{w1.CAPPED_BUYERS} caps exactly full" not in judged:
            raise FaultFailed(f"expected {expected} and {w1.CAPPED_BUYERS} full caps, found {found} and {judged}")
        return judged


def audited(way: Reach) -> str:
    """Return the auditor's words on all topics. Raises FaultFailed with its first findings when it has any."""
    verdict = audit(way.reader, way.codec)
    if not verdict.good:
        shown = "; ".join(map(str, verdict.findings[:5]))
        raise FaultFailed(f"the promises do not hold: {verdict}: {shown}")
    return str(verdict)


def owned_partitions(address: Address, group: str) -> dict[str, set[TopicPartition]]:
    """Return the partitions of each member of a group by worker name; empty when the coordinator does not answer."""
    admin = AdminClient(address.client())
    try:
        described = admin.describe_consumer_groups([group], request_timeout=ASK_LIMIT_S)[group].result(ASK_LIMIT_S)
    except KafkaException:
        return {}
    return {
        (member.group_instance_id or "").removeprefix(f"{group}-"): {
            TopicPartition(at.topic.removeprefix(address.prefix), at.partition)
            for at in member.assignment.topic_partitions
        }
        for member in described.members
    }
