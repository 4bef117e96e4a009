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
from itertools import chain, repeat
from typing import Literal

from confluent_kafka import KafkaError

from config.kafka import KafkaSettings
from schemas.errors import EpochLost, Fenced, LeadflowError, StateInDoubt, Unavailable
from streams import kafka_wire as wire
from streams.client import GroupMetadata, Output
from streams.kafka_admin import closest
from streams.kafka_batches import BATCH_BYTES_MAX, RecordBatch, after, batches_of
from streams.kafka_brokers import Address, Brokers, NotKnown, Place
from streams.kafka_bytes import Answer, Api, ConnectionLost
from streams.kafka_connection import Line
from streams.kafka_errors import at_commit, before_commit, log
from streams.watchdog import Watchdog

Cause = Literal["first", "abort", "error", "connection"]

INIT_TIMEOUT_S = 5.0
"""One attempt to take the name; on a fresh broker the first one takes 1.5 s, later ones some milliseconds."""

ABORT_TIMEOUT_S = 3.0
"""An abort that is not answered need not be: it is asked again when the name is taken again."""

REQUEST_BYTES_MAX = 16 * 1024 * 1024
"""A broker takes 100 MiB by default; what is more goes in several requests."""

LEADER_TIMEOUT_S = 2.0
"""How long a partition without a leader is waited for; a topic that is gone must fail within the deadline."""

_PAUSES_S = (0.001, 0.001, 0.002, 0.002, 0.004, 0.004, 0.008, 0.016)
_LAST_PAUSE_S = 0.032

#: The coordinator did nothing, and will in a moment.
_NOT_NOW = frozenset({KafkaError.CONCURRENT_TRANSACTIONS, KafkaError.COORDINATOR_LOAD_IN_PROGRESS})
#: Another broker is to be asked.
_MOVED = frozenset({KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR})
#: A partition whose leader is being chosen, or a topic that this broker has not heard of yet.
_NO_LEADER = frozenset({KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART})


class KafkaProducer:
    """`renewed(cause)` is called whenever the name is taken (metric). Used from one thread at a time."""

    def __init__(self, settings: KafkaSettings, watchdog: Watchdog, renewed: Callable[[Cause], None]) -> None:
        self._settings = settings
        self._name = settings.slot
        self._watchdog = watchdog
        self.renewed = renewed
        line = Line(f"{settings.slot}-producer", settings.security)
        self._brokers = Brokers(settings.addresses, line, settings.idle_ms / 1000)
        self._producer = wire.NOBODY
        #: Why the name is to be taken before the next transaction.
        self._stale: Cause | None = "first"
        #: The next sequence number of each partition, under the epoch that we have.
        self._sequences: dict[Place, int] = {}
        self._queued: dict[Place, list[Output]] = {}
        #: The partitions of the open transaction; whether the coordinator may know of it, and no end was answered.
        self._added: set[Place] = set()
        self._open = False
        self._began = self._deadline = 0.0
        self._began_ms = 0
        #: Our clock and the broker's append time of a record of the last flushed epoch, ms UTC.
        self.clock_sample: tuple[int, int] | None = None

    # --- an epoch, in order ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin; takes the name first where the rule asks for it. Raises Unavailable: nothing has begun."""
        if self._stale is not None:
            self._take(self._stale)
        self._queued, self._added = {}, set()
        self._began = time.monotonic()
        self._deadline = self._began + self._settings.transaction_timeout_ms / 1000
        self._began_ms = time.time_ns() // 1_000_000

    def produce(self, topic: str, partition: int, outputs: Sequence[Output]) -> None:
        """Queue records of one partition, in their order."""
        self._queued.setdefault((topic, partition), []).extend(outputs)

    def flush(self) -> dict[Place, tuple[int, int]]:
        """Append all that is queued, and return the offsets of the first and the last record of each partition.

        Raises EpochLost when one is refused, or not answered in time.
        """
        now = time.monotonic()
        self._watchdog.arm("flush", self._settings.deadline_ms / 1000)
        self._deadline = now + self._settings.deadline_ms / 1000
        queued, self._queued = self._queued, {}
        if not queued:
            return {}
        with self._epoch_ends("flush"):
            deadline = now + self._settings.deadline_ms / 2000
            leaders = self._leaders(queued, deadline)
            self._add(queued.keys() - self._added, deadline)
            return self._append(queued, leaders, deadline)

    def send_offsets(self, offsets: Mapping[Place, int], metadata: GroupMetadata) -> None:
        """Put the offsets of these partitions (topics with prefix) into the transaction. Raises EpochLost, Fenced."""
        group = self._settings.group_id
        instance = self._settings.slot if self._settings.static else None
        member = wire.Member(group, metadata.generation, metadata.member, instance)
        with self._epoch_ends("send_offsets"):
            self._open = True
            body = wire.add_offsets(self._name, self._producer, group)
            self._demand(self._name, wire.OF_TRANSACTION, wire.ADD_OFFSETS, body, wire.error_answer)
            body = wire.txn_offset_commit(self._name, self._producer, member, offsets)
            asked, read = (group, wire.OF_GROUP, wire.TXN_OFFSET_COMMIT, body), wire.txn_offset_commit_answer
            self._demand(*asked, lambda answer: _error_in(read(answer), offsets))

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

    def _take(self, cause: Cause) -> None:
        """Take the name: whoever has it the first time, and only if it is still ours later.

        Raises Unavailable: nothing is known, and it may be called again.
        """
        deadline = time.monotonic() + INIT_TIMEOUT_S
        self._watchdog.arm("taking the name", 4 * INIT_TIMEOUT_S)
        try:
            if self._open:
                self._end_aborted(deadline)
            self._producer = self._initialised(deadline)
        except EpochLost as problem:
            raise Unavailable(str(problem)) from None
        finally:
            self._watchdog.disarm()
        self._sequences, self._stale, self._open = {}, None, False
        self.renewed(cause)

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
                self._demand(self._name, wire.OF_TRANSACTION, wire.INIT_PRODUCER_ID, body, error_of, deadline)
        except Fenced as fenced:
            if unanswered:  # a late request of ours may have opened a transaction, which the broker fences us for
                raise StateInDoubt(f"{fenced}; or it was a request of ours that came late") from None
            raise
        return taken

    # --- what a transaction is made of -----------------------------------------------------------------------

    def _leaders(self, places: Mapping[Place, object], deadline: float) -> Mapping[Place, Address]:
        until = min(deadline, time.monotonic() + LEADER_TIMEOUT_S)
        for pause_s in _pauses():
            try:
                return self._brokers.leaders(places, deadline)
            except NotKnown as problem:
                if problem.code not in _NO_LEADER or time.monotonic() + pause_s >= until:
                    raise
                time.sleep(pause_s)
        raise AssertionError("pauses do not end")

    def _add(self, places: set[Place], deadline: float) -> None:
        """Let the transaction write to more partitions."""
        if places:
            self._open = True
            body = wire.add_partitions(self._name, self._producer, sorted(places))
            asked, read = (self._name, wire.OF_TRANSACTION, wire.ADD_PARTITIONS, body), wire.add_partitions_answer
            self._demand(*asked, lambda answer: _error_in(read(answer), places), deadline)
            self._added |= places

    def _append(
        self, queued: Mapping[Place, Sequence[Output]], leaders: Mapping[Place, Address], deadline: float
    ) -> dict[Place, tuple[int, int]]:
        requests = list(self._requests(queued, leaders))
        timeout_ms = self._settings.deadline_ms // 2
        contents = [(leader, {place: batch.content for place, batch in own.items()}) for leader, own in requests]
        bodies = [(leader, wire.produce(self._name, timeout_ms, own)) for leader, own in contents]
        appended: dict[Place, tuple[int, int]] = {}
        refused: dict[Place, int] = {}
        for (_, batches), answer in zip(requests, self._brokers.ask_all(wire.PRODUCE, bodies, deadline), strict=True):
            taken = wire.produce_answer(answer)
            for place in batches:
                error, offset, stamp_ms = taken.get(place, _NOT_TAKEN)
                if error:
                    refused.setdefault(place, error)
                    continue
                first = appended[place][0] if place in appended else offset
                appended[place] = first, offset + batches[place].records - 1
                self._note_clock(stamp_ms)
        if refused:
            raise self._refusal(refused)
        return appended

    def _requests(
        self, queued: Mapping[Place, Sequence[Output]], leaders: Mapping[Place, Address]
    ) -> Iterator[tuple[Address, dict[Place, RecordBatch]]]:
        """Yield what to send to whom: a request holds one batch of a partition at most, and has a limit."""
        now_ms = time.time_ns() // 1_000_000
        open_: dict[Address, dict[Place, RecordBatch]] = {}
        sizes: dict[Address, int] = {}
        for place, outputs in queued.items():
            sequence, leader = self._sequences.get(place, 0), leaders[place]
            for batch in batches_of(outputs, self._producer, sequence, now_ms, self._batch_bytes(place[0])):
                request, size = open_.setdefault(leader, {}), sizes.get(leader, 0) + len(batch.content)
                if place in request or (request and size > REQUEST_BYTES_MAX):
                    yield leader, request
                    request, size = {}, len(batch.content)
                open_[leader], sizes[leader] = request, size
                request[place] = batch
            self._sequences[place] = after(sequence, len(outputs))
        yield from open_.items()

    def _note_clock(self, stamp_ms: int) -> None:
        if stamp_ms >= 0:
            now_ms = time.time_ns() // 1_000_000
            self.clock_sample = (closest(stamp_ms, self._began_ms, now_ms), stamp_ms)

    def _refusal(self, refused: Mapping[Place, int]) -> LeadflowError:
        """Return what it means that records of these partitions were refused; the worst error decides."""
        self._brokers.forget()
        causes = sorted({(topic, error) for (topic, _), error in refused.items()})
        named = ", ".join(f"{topic} ({KafkaError(error).name()})" for topic, error in causes)
        for error in refused.values():
            if not isinstance(known := self._meaning(error, f"produce to {named}"), EpochLost):
                return known
        return EpochLost(f"refused: {named}")

    # --- ends ------------------------------------------------------------------------------------------------

    def _commit(self) -> None:
        body = wire.end_txn(self._name, self._producer, commit=True)
        while True:
            try:
                error = self._asked(
                    self._name, wire.OF_TRANSACTION, wire.END_TXN, body, wire.error_answer, self._deadline
                )
                break
            except ConnectionLost as lost:  # it may have been done, or be done later: ask again, until it is known
                self._stale = "connection"
                log.info("commit was not answered: %s; it is asked again", lost)
                if time.monotonic() >= self._deadline:
                    raise StateInDoubt(f"commit: {lost}") from None
                time.sleep(_LAST_PAUSE_S)
        if error:
            self._stale = "error"
            raise at_commit(KafkaError(error), self._past_timeout())
        self._open = False

    def _end_aborted(self, deadline: float) -> None:
        """Abort what is open under our epoch; nothing may be."""
        body = wire.end_txn(self._name, self._producer, commit=False)
        with self._epoch_ends("abort"):
            nothing_open = frozenset({KafkaError.INVALID_TXN_STATE})
            answered = wire.END_TXN, body, wire.error_answer, deadline, nothing_open
            self._demand(self._name, wire.OF_TRANSACTION, *answered)
        self._open = False

    # --- asking ----------------------------------------------------------------------------------------------

    def _demand(
        self,
        key: str,
        kind: int,
        api: Api,
        body: bytes,
        error_of: Callable[[Answer], int],
        deadline: float | None = None,
        accepted: frozenset[int] = frozenset(),
    ) -> None:
        """Ask a coordinator, and raise what its error means while no commit was sent."""
        error = self._asked(key, kind, api, body, error_of, self._deadline if deadline is None else deadline)
        if error and error not in accepted:
            raise self._meaning(error, api.name)

    def _asked(
        self, key: str, kind: int, api: Api, body: bytes, error_of: Callable[[Answer], int], deadline: float
    ) -> int:
        """Ask a coordinator until it answers more than "not now"; return its error code. Raises ConnectionLost."""
        error = 0
        for pause_s in _pauses():
            try:
                address = self._brokers.coordinator(key, kind, deadline)
                error = error_of(self._brokers.ask(address, api, body, deadline))
            except NotKnown as problem:
                error = problem.code
            if error in _MOVED:
                self._brokers.forget()
            elif error not in _NOT_NOW:
                break
            if time.monotonic() + pause_s >= deadline:
                break
            time.sleep(pause_s)
        return error

    @contextmanager
    def _epoch_ends(self, doing: str) -> Iterator[None]:
        """Let whatever goes wrong inside end the epoch; the name is taken again before the next one."""
        try:
            yield
        except ConnectionLost as lost:
            self._stale = "connection"
            self._watchdog.disarm()
            raise EpochLost(f"{doing}: {lost}") from None
        except NotKnown as problem:
            self._stale = self._stale or "error"
            self._watchdog.disarm()
            raise self._meaning(problem.code, f"{doing}: {problem.subject}") from None
        except LeadflowError:
            self._stale = self._stale or "error"
            self._watchdog.disarm()
            raise

    def _meaning(self, error: int, doing: str) -> LeadflowError:
        return before_commit(KafkaError(error), doing, self._past_timeout())

    def _past_timeout(self) -> bool:
        return self._open and (time.monotonic() - self._began) * 1000 >= self._settings.transaction_timeout_ms

    def _batch_bytes(self, topic: str) -> int:
        """Return what the topic takes as one batch."""
        plain = topic.removeprefix(self._settings.prefix)
        return min(BATCH_BYTES_MAX, self._settings.record_bytes_max.get(plain, self._settings.default_record_bytes))


_NOT_TAKEN = wire.Appended(KafkaError.UNKNOWN, -1, -1)


def _error_in(codes: Mapping[Place, int], places: Iterable[Place]) -> int:
    """Return the error of the first of the places that was refused, or of which nothing was said; 0 where none was.

    One that was not tried for another's sake says least.
    """
    errors = [code for place in places if (code := codes.get(place, KafkaError.UNKNOWN))]
    not_tried = KafkaError.OPERATION_NOT_ATTEMPTED
    return next((code for code in errors if code != not_tried), not_tried if errors else 0)


def _pauses() -> Iterator[float]:
    """Yield how long to wait before asking again: little at first, never much, without an end."""
    return chain(_PAUSES_S, repeat(_LAST_PAUSE_S))
