"""The transactional producer: one transaction at a time, whose every request is sent once under one producer epoch.

A transaction that is torn is torn by a request of an earlier one that comes late (`docs/guarantees.md`). Brokers refuse
whatever bears an older producer epoch than the one they gave last. So there is one rule:

    a request that was not answered, or not with success, ends the transaction; and before the next one the name is
    taken again, which raises the epoch (KIP-360)

An answer that says "not now" (another transaction's ends are being written, a coordinator moves) did nothing: it is
asked again. A commit alone has to be asked again when its answer was lost, for its outcome must be known; the name is
taken again behind it as well. Beyond its deadline an outcome is unknown, and the process ends (exit 70).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Literal

from confluent_kafka import KafkaError

from config.kafka import KafkaSettings
from schemas.errors import EpochLost, Fenced, LeadflowError, StateInDoubt, Unavailable
from streams.client import GroupMetadata, Output
from streams.kafka import wire
from streams.kafka.admin import closest
from streams.kafka.appending import Appender, Refused
from streams.kafka.batches import BATCH_BYTES_MAX
from streams.kafka.brokers import Brokers, NotKnown, Place
from streams.kafka.bytes import Answer, Api, ConnectionLost, Malformed
from streams.kafka.connection import Line
from streams.kafka.coordinators import LAST_PAUSE_S, Coordinator
from streams.kafka.errors import at_commit, before_commit, log, not_allowed
from streams.kafka.hanging import Hanging
from streams.kafka.outcomes import Outcomes
from streams.kafka.permissions import GROUP, PERMISSIONS, READ, TOPIC, TRANSACTIONAL_ID, WRITE, Forbidden
from streams.kafka.wire_hanging import Transaction, describe_transaction, describe_transaction_answer
from streams.watchdog import Watchdog

Cause = Literal["first", "abort", "error", "connection", "unseen"]

INIT_TIMEOUT_S = 5.0
"""One attempt to take the name; on a fresh broker the first one takes 1.5 s, later ones some milliseconds."""

ABORT_TIMEOUT_S = 3.0
"""An abort that is not answered need not be: it is asked again when the name is taken again."""

THROTTLED_WAIT_S = 0.5
"""A worker that is held back for longer by a quota polls meanwhile."""

LATE_S = 120.0
"""For so long a request that took the name and was not answered may still come, abort what is open, and fence us."""

#: Nothing was open that could be aborted.
_NOTHING_OPEN = frozenset({KafkaError.INVALID_TXN_STATE})
#: The name was never taken, or so long ago that it was forgotten: TRANSACTIONAL_ID_NOT_FOUND.
_NO_TRANSACTION = frozenset({105})


class KafkaProducer:
    """`renewed(cause)` is called whenever the name is taken (metric). Used from one thread at a time."""

    def __init__(self, settings: KafkaSettings, watchdog: Watchdog, renewed: Callable[[Cause], None]) -> None:
        self._settings = settings
        self._name = settings.slot
        self._watchdog = watchdog
        self.renewed = renewed
        line = Line(f"{settings.slot}-producer", settings.security)
        self._brokers = brokers = Brokers(settings.addresses, line, settings.idle_ms / 1000)
        self._of_transaction = Coordinator(brokers, self._name, wire.OF_TRANSACTION)
        self._of_group = Coordinator(brokers, settings.group_id, wire.OF_GROUP)
        self._outcomes = Outcomes()
        self._hanging = Hanging(brokers, settings.prefix, settings.group_id, self._outcomes)
        self._appender = Appender(brokers, self._name, self._batch_bytes, settings.deadline_ms // 2)
        self._producer = wire.NOBODY
        self._inherited = False
        #: Why the name is to be taken before the next transaction.
        self._stale: Cause | None = "first"
        self._queued: dict[Place, list[Output]] = {}
        #: The partitions of the open transaction; whether the coordinator may know of it, and no end was answered.
        self._added: set[Place] = set()
        self._open = False
        self._began = self._deadline = self._late_until = 0.0
        self._began_ms = 0
        #: Our clock and the broker's append time of a record of the last flushed epoch, ms UTC.
        self.clock_sample: tuple[int, int] | None = None

    # --- an epoch, in order ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin; takes the name first where the rule asks for it. Raises Unavailable: nothing has begun."""
        self._wait_for_quota()
        if self._stale is not None:
            self._take(self._stale)
        self._queued, self._added = {}, set()
        self._outcomes.begin()
        self._began = time.monotonic()
        self._deadline = self._began + self._settings.transaction_timeout_ms / 1000
        self._began_ms = time.time_ns() // 1_000_000

    def produce(self, topic: str, partition: int, outputs: Sequence[Output]) -> None:
        """Queue records of one partition, in their order."""
        self._queued.setdefault((topic, partition), []).extend(outputs)

    def flush(self) -> dict[Place, tuple[int, int]]:
        """Append all that is queued, and return the offsets of the first and the last record of each partition.

        Raises EpochLost when one is refused, or not answered in time; Forbidden with the topics that we may not write.
        """
        now = time.monotonic()
        self._watchdog.arm("flush", self._settings.deadline_ms / 1000)
        self._deadline = now + self._settings.deadline_ms / 1000
        queued, self._queued = self._queued, {}
        if not queued:
            return {}
        with self._epoch_ends("flush"):
            deadline = now + self._settings.deadline_ms / 2000
            leaders = self._appender.leaders(queued, deadline)
            new = queued.keys() - self._added
            self._add(new, deadline)  # not let in before the last one is ended everywhere: what is open now hangs
            self._hanging.end({place: leaders[place] for place in new}, self._producer, deadline)
            offsets = self._appender.append(queued, leaders, self._producer, deadline)
        self._outcomes.wrote({place: last for place, (_, last) in offsets.items()})
        self._note_clock(self._appender.stamp_ms)
        return offsets

    def send_offsets(self, offsets: Mapping[Place, int], metadata: GroupMetadata) -> None:
        """Put the offsets of these partitions (topics with prefix) into the transaction. Raises EpochLost, Fenced."""
        group = self._settings.group_id
        instance = self._settings.slot if self._settings.static else None
        member = wire.Member(group, metadata.generation, metadata.member, instance)
        with self._epoch_ends("send_offsets", READ):
            self._open = True
            body = wire.add_offsets(self._name, self._producer, group)
            self._demand(self._of_transaction, wire.ADD_OFFSETS, body, wire.error_answer, self._deadline)
            self._hanging.end_offsets(self._producer, self._deadline)
            self._outcomes.send_offsets()
            body = wire.txn_offset_commit(self._name, self._producer, member, offsets)
            refusal = partial(_error_in, wire.txn_offset_commit_answer, offsets)
            self._demand(self._of_group, wire.TXN_OFFSET_COMMIT, body, refusal, self._deadline)

    def commit(self) -> None:
        """Commit; see the seam for what each error means."""
        self._watchdog.arm_if_idle("commit", self._settings.deadline_ms / 1000)
        try:
            if self._open:
                self._commit()
        finally:
            self._watchdog.disarm()

    def abort(self) -> None:
        """Abort. An unanswered abort is as good: it is asked again before the name is taken again."""
        self._queued = {}
        if not self._open:
            self._watchdog.disarm()
            return
        self._stale = self._stale or "abort"
        self._watchdog.arm("abort", self._settings.deadline_ms / 1000)
        try:
            self._end_aborted(time.monotonic() + ABORT_TIMEOUT_S)
        except (EpochLost, Unavailable) as problem:
            log.info("abort was not answered: %s; it is asked again", problem)
        finally:
            self._watchdog.disarm()

    def close(self) -> None:
        """Drop the connections without waiting; the broker ends an open transaction at its time-out."""
        self._brokers.close()

    # --- the name --------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Take the name now, so that leftovers under it are aborted before any offset is read."""
        if self._producer == wire.NOBODY:
            self._take("first")

    def end_what_hangs(self) -> None:
        """Look where nothing was to be seen when the name was taken: a restore and the group's offsets wait for it.

        Takes the name again for that, because it is not given before our last transaction is ended everywhere: what is
        open then hangs. For between transactions; does nothing within one. Raises nothing but what a person must mend.
        """
        try:
            if self._open or self._queued:
                return
            if self._stale is not None or self._hanging.incomplete:
                self._take(self._stale or "unseen")
        except (Unavailable, ConnectionLost, NotKnown) as problem:
            log.info("looking again for what hangs: %s", problem)

    def _take(self, cause: Cause) -> None:
        """Take the name: whoever has it the first time, and only if it is still ours later.

        Raises Unavailable: nothing is known, and it may be called again.
        """
        deadline = time.monotonic() + INIT_TIMEOUT_S
        self._watchdog.arm("taking the name", 4 * INIT_TIMEOUT_S)
        try:
            if self._open:
                self._end_aborted(deadline)
            if not self._inherited:
                self._inherit(deadline)
            producer = self._initialised(deadline)
            with self._epoch_ends("looking for what hangs"):
                self._hanging.end_all(producer, deadline)
            self._producer = producer
        except EpochLost as problem:
            raise Unavailable(str(problem)) from None
        finally:
            self._watchdog.disarm()
        self._appender.begin_again()
        self._stale, self._open = None, False
        self.renewed(cause)

    def _inherit(self, deadline: float) -> None:
        """Ask how the last transaction of a former process ended: once the name is taken nobody knows any more."""
        last = Transaction("", wire.NOBODY)

        def error_of(answer: Answer) -> int:
            nonlocal last
            error, last = describe_transaction_answer(answer)
            return error

        body = describe_transaction(self._name)
        with self._epoch_ends("asking for the last transaction"):
            self._demand(self._of_transaction, wire.DESCRIBE_TRANSACTIONS, body, error_of, deadline, _NO_TRANSACTION)
        self._outcomes.inherit(last)
        self._inherited = True

    def _initialised(self, deadline: float) -> wire.Producer:
        body = wire.init_producer_id(self._name, self._settings.transaction_timeout_ms, self._producer)
        taken = wire.NOBODY

        def error_of(answer: Answer) -> int:
            nonlocal taken
            error, taken = wire.init_producer_id_answer(answer)
            return error

        unanswered = self._stale == "connection"
        try:
            with self._epoch_ends("taking the name"):
                self._demand(self._of_transaction, wire.INIT_PRODUCER_ID, body, error_of, deadline)
        except EpochLost:
            self._late_until = time.monotonic() + LATE_S
            raise
        except Fenced as fenced:
            if unanswered:  # a late request of ours may have opened a transaction, which the broker fences us for
                raise StateInDoubt(f"{fenced}; or it was a request of ours that came late") from None
            raise
        return taken

    def _wait_for_quota(self) -> None:
        """Begin nothing while a broker hears no more of us: it would wait open, and its next answer come too late."""
        throttled_s = self._brokers.throttled_s()
        if throttled_s > THROTTLED_WAIT_S:
            time.sleep(THROTTLED_WAIT_S)
            raise Unavailable(
                f"a quota of the cluster holds us back for {throttled_s:.1f} s; see Kafka's client quotas"
            )
        time.sleep(throttled_s)

    # --- what a transaction is made of -----------------------------------------------------------------------

    def _add(self, places: set[Place], deadline: float) -> None:
        """Let the transaction write to more partitions."""
        if places:
            self._open = True
            body = wire.add_partitions(self._name, self._producer, sorted(places))
            refusal = partial(_error_in, wire.add_partitions_answer, places)
            self._demand(self._of_transaction, wire.ADD_PARTITIONS, body, refusal, deadline)
            self._added |= places

    def _note_clock(self, stamp_ms: int) -> None:
        if stamp_ms:
            now_ms = time.time_ns() // 1_000_000
            self.clock_sample = (closest(stamp_ms, self._began_ms, now_ms), stamp_ms)

    # --- ends ------------------------------------------------------------------------------------------------

    def _commit(self) -> None:
        body = wire.end_txn(self._name, self._producer, commit=True)
        while True:
            try:
                error = self._of_transaction.ask(wire.END_TXN, body, wire.error_answer, self._deadline)
                break
            except ConnectionLost as lost:  # it may have been done, or be done later: ask again, until it is known
                if self._stale is None:
                    log.info("commit was not answered: %s; it is asked again", lost)
                self._stale = "connection"
                if time.monotonic() >= self._deadline:
                    raise StateInDoubt(f"commit: {lost}") from None
                time.sleep(LAST_PAUSE_S)
        if error:
            self._stale = "error"
            raise at_commit(KafkaError(error), self._fenced_without_twin())
        self._open = False
        self._outcomes.commit(self._producer)

    def _end_aborted(self, deadline: float) -> None:
        """Abort what is open under our epoch; nothing may be."""
        body = wire.end_txn(self._name, self._producer, commit=False)
        with self._epoch_ends("abort"):
            self._demand(self._of_transaction, wire.END_TXN, body, wire.error_answer, deadline, _NOTHING_OPEN)
        self._open = False

    # --- asking ----------------------------------------------------------------------------------------------

    def _demand(
        self,
        coordinator: Coordinator,
        api: Api,
        body: bytes,
        error_of: Callable[[Answer], int],
        deadline: float,
        accepted: frozenset[int] = frozenset(),
    ) -> None:
        """Ask, and raise what an error means while no commit was sent."""
        error = coordinator.ask(api, body, error_of, deadline)
        if error and error not in accepted:
            raise self._meaning(error, api.name)

    @contextmanager
    def _epoch_ends(self, doing: str, operation: str = WRITE) -> Iterator[None]:
        """Let whatever goes wrong inside end the epoch; the name is taken again before the next one.

        `operation`: what topics are asked for.
        """
        try:
            yield
        except ConnectionLost as lost:
            if isinstance(lost, Malformed):  # what else was said on that connection is not believed either
                self._brokers.close()
            raise self._ended("connection", EpochLost(f"{doing}: {lost}")) from None
        except NotKnown as problem:
            meaning = self._meaning(problem.code, f"{doing}: {problem.subject}", operation, (problem.subject,))
            raise self._ended("error", meaning) from None
        except Refused as refused:
            raise self._ended("error", self._refusal(refused, operation)) from None
        except LeadflowError as problem:
            raise self._ended("error", problem) from None

    def _ended(self, cause: Cause, problem: LeadflowError) -> LeadflowError:
        """Note why the name is to be taken again: a lost connection counts most, then what came first."""
        self._stale = cause if cause == "connection" else self._stale or cause
        self._watchdog.disarm()
        return problem

    def _refusal(self, refused: Refused, operation: str) -> LeadflowError:
        """Return what it means that topics were refused; a missing permission decides, then the worst error."""
        if forbidden := {topic for (topic, _), error in refused.errors.items() if error == TOPIC}:
            return Forbidden(TOPIC, operation, forbidden)
        meanings = [self._meaning(error, f"produce to {refused}") for error in refused.errors.values()]
        worse = (meaning for meaning in meanings if not isinstance(meaning, EpochLost))
        return next(worse, EpochLost(f"refused: {refused}"))

    def _meaning(self, error: int, doing: str, operation: str = WRITE, topics: Iterable[str] = ()) -> LeadflowError:
        if error in PERMISSIONS:
            names = {TOPIC: topics, GROUP: (self._settings.group_id,), TRANSACTIONAL_ID: (self._name,)}
            return not_allowed(KafkaError(error), doing, READ if error == GROUP else operation, names)
        return before_commit(KafkaError(error), doing, self._fenced_without_twin())

    def _fenced_without_twin(self) -> bool:
        """Whether the broker may have fenced us by itself: for the age of what is open, or for a late request."""
        now = time.monotonic()
        old = self._open and (now - self._began) * 1000 >= self._settings.transaction_timeout_ms
        return old or now < self._late_until

    def _batch_bytes(self, topic: str) -> int:
        """Return what the topic takes as one batch."""
        plain = topic.removeprefix(self._settings.prefix)
        return min(BATCH_BYTES_MAX, self._settings.record_bytes_max.get(plain, self._settings.default_record_bytes))


def _error_in(read: Callable[[Answer], Mapping[Place, int]], places: Iterable[Place], answer: Answer) -> int:
    """Return the error of the first of the places that was refused, or of which nothing was said; 0 where none was.

    One that was not tried for another's sake says least. Raises Refused with all places of topics that are forbidden.
    """
    codes = read(answer)
    if forbidden := {place: code for place, code in codes.items() if code == TOPIC}:
        raise Refused(forbidden)
    errors = [code for place in places if (code := codes.get(place, KafkaError.UNKNOWN))]
    not_tried = KafkaError.OPERATION_NOT_ATTEMPTED
    return next((code for code in errors if code != not_tried), not_tried if errors else 0)
