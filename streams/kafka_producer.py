"""The transactional producer and the policy for commits in doubt.

librdkafka resends requests unseen, and a late copy of one transaction's request can tear the next one (its issue
5423). A copy exists only after a lost connection or a time-out, both followed by a wait of at least
min(500 ms, 0.8 x retry.backoff.ms). So an epoch that took less than `clock_ms` has none, and after any other one
the handle is replaced: its init_transactions bumps the producer's epoch, and the broker refuses whatever is late.

    1 begin .. commit / abort took clock_ms or more, an abort, or an error: a new handle before the next begin
    2 flush comes before send_offsets; an epoch that is slow by then is given up, not carried on
    3 a call that hangs beyond deadline_ms ends the process: the outcome is unknown, only a restart restores it
    4 an idle handle (5 min) and a handle that heard of a broken connection are renewed as well
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException, Producer
from confluent_kafka import TopicPartition as RawPartition

from config.kafka import KafkaSettings, producer_options
from schemas.errors import EpochLost, LeadflowError, StateInDoubt, Unavailable
from streams.client import GroupMetadata, Output
from streams.kafka_admin import closest
from streams.kafka_errors import CONNECTION, at_commit, before_commit, error_in, is_fatal, log
from streams.watchdog import Watchdog

Report = Callable[[KafkaError | None, Any], None]
Cause = Literal["first", "slow", "abort", "error", "connection", "idle"]

INIT_TIMEOUT_S = 5.0
"""One attempt; the first one on a fresh broker takes 1.5 s, later ones 0.06-0.5 s."""

ABORT_TIMEOUT_S = 3.0
"""An abort that is not answered need not be: init_transactions of the next handle aborts what is open."""

_NOT_OPEN = 0.0

QUEUE_WAITS = 50
QUEUE_WAIT_S = 0.1


class KafkaProducer:
    """One producer handle at a time, replaced whenever a request may have been sent twice.

    `renewed(cause)` is called for each new handle (metric). Used from one thread.
    """

    def __init__(self, settings: KafkaSettings, watchdog: Watchdog, renewed: Callable[[Cause], None]) -> None:
        self._settings = settings
        self._options = producer_options(settings)
        self._watchdog = watchdog
        self.renewed = renewed
        self._handle: Any = None
        self._ready = False
        self._stale: Cause | None = "first"
        #: When the transaction began that is open or whose end was not answered.
        self._began = _NOT_OPEN
        self._used = time.monotonic()
        self._gave_up_slow = False
        self._dead: LeadflowError | None = None
        self.refused: dict[str, str] = {}
        #: Topics of which a record of this transaction reports its delivery: a report of each would cost 1 us a record.
        self._reporting: set[str] = set()
        #: How many offsets are to be told by partition, topics with prefix, and those that have been.
        self._to_tell: dict[tuple[str, int], int] = {}
        self._told: dict[tuple[str, int], list[int]] = {}
        self._began_ms, self._stamp_ms = 0, 0
        #: Our clock and the broker's append time of a record of the last flushed epoch, ms UTC.
        self.clock_sample: tuple[int, int] | None = None
        self.send: Any = None

    # --- an epoch, in order ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin, on a new handle where rules 1 and 4 ask for one. Raises Unavailable: nothing has begun."""
        if self._handle is not None and self._ready:
            self._serve("begin", lambda: self._handle.poll(0))  # error_cb speaks here
        self._raise_if_dead()
        if (cause := self._renewal_cause()) is not None:
            self._renew(cause)
        self.refused.clear()
        self._reporting.clear()
        self._to_tell, self._told = {}, {}
        try:
            self._handle.begin_transaction()
        except KafkaException as problem:
            raise self._not_committed(problem.args[0], "begin") from None
        self._began = time.monotonic()
        self._began_ms, self._stamp_ms = time.time_ns() // 1_000_000, 0

    def produce(self, topic: str, partition: int, outputs: Sequence[Output], told: bool) -> None:
        """Queue records of one partition in order; with `told`, the ends report their offsets.

        Raises EpochLost when one cannot be queued.
        """
        if told:
            place = (topic, partition)
            self._to_tell[place] = self._to_tell.get(place, 0) + min(len(outputs), 2)
            self._send(topic, partition, outputs[0], self._on_told)
            self._send_rest(topic, partition, outputs[1:-1])
            if len(outputs) > 1:
                self._send(topic, partition, outputs[-1], self._on_told)
        elif topic not in self._reporting:
            self._send(topic, partition, outputs[0], self._on_delivery)
            self._send_rest(topic, partition, outputs[1:])
        else:
            self._send_rest(topic, partition, outputs)
        self._reporting.add(topic)

    def _send_rest(self, topic: str, partition: int, outputs: Sequence[Output]) -> None:
        """Queue records that need not report; the loop that all records go through."""
        send = self.send
        for output in outputs:
            _, value, key, _, headers = output
            try:
                if headers:
                    send(topic, value, key, partition, headers=list(headers))
                else:
                    send(topic, value, key, partition)
            except (BufferError, KafkaException):
                self._send(topic, partition, output, None)

    def _send(self, topic: str, partition: int, output: Output, report: Report | None) -> None:
        """Queue a record; waits for room, a while."""
        _, value, key, _, headers = output
        try:
            self.send(topic, value, key, partition, headers=list(headers), on_delivery=report)
        except BufferError:
            self._wait_for_room()
            self._send(topic, partition, output, report)
        except KafkaException as problem:
            raise self._not_committed(problem.args[0], f"produce to {topic}") from None

    def flush(self) -> dict[tuple[str, int], tuple[int, int]]:
        """Wait for all acknowledgements; give up an epoch that is slow by then (rule 2).

        Returns the first and the last offset of each partition of which they were to be told, and were.
        """
        self._watchdog.arm("flush", self._settings.deadline_ms / 1000)
        left = self._serve("flush", lambda: self._handle.flush(self._settings.deadline_ms / 2000))
        self._raise_if_dead()
        if self._stamp_ms:
            now_ms = time.time_ns() // 1_000_000
            self.clock_sample = (closest(self._stamp_ms, self._began_ms, now_ms), self._stamp_ms)
        if self.refused:
            raise self._lost("error", "refused: " + ", ".join(f"{t} ({e})" for t, e in self.refused.items()))
        if left:
            raise self._lost("connection", f"{left} records were not acknowledged in time")
        if self._stale == "connection":
            raise self._lost("connection", "the connection broke during the epoch")
        self._give_up_slow()
        to_tell, told = self._to_tell, self._told
        self._to_tell, self._told = {}, {}
        return {place: (at[0], at[-1]) for place, at in told.items() if len(at) == to_tell.get(place)}

    def send_offsets(self, offsets: Mapping[Any, int], prefix: str, metadata: GroupMetadata) -> None:
        """Put the offsets into the transaction. librdkafka may block here for ever: the watchdog is armed."""
        positions = [RawPartition(prefix + topic, number, at) for (topic, number), at in offsets.items()]
        try:
            self._handle.send_offsets_to_transaction(positions, metadata.raw, self._settings.deadline_ms / 1000)
        except KafkaException as problem:
            raise self._not_committed(problem.args[0], "send_offsets") from None

    def commit(self) -> None:
        """Commit; see the seam for what each error means."""
        self._watchdog.arm_if_idle("commit", self._settings.deadline_ms / 1000)
        try:
            self._handle.commit_transaction(2 * self._settings.deadline_ms / 1000)  # the watchdog ends it before
        except KafkaException as problem:
            self._stale = "error"
            outcome = at_commit(problem.args[0], self._past_timeout())
            if isinstance(outcome, EpochLost):
                outcome = EpochLost(f"{outcome}{self._refusals()}")
            raise outcome from None
        finally:
            self._watchdog.disarm()
        self._gave_up_slow = False
        took_ms, self._began = self.elapsed_s() * 1000, _NOT_OPEN
        self._ended("slow" if took_ms >= self._settings.clock_ms else None)

    def abort(self) -> None:
        """Abort. An unanswered abort is as good: the handle goes, and the next one's start aborts what is open."""
        self._watchdog.arm("abort", self._settings.deadline_ms / 1000)
        try:
            if self._handle is not None:
                self._handle.abort_transaction(ABORT_TIMEOUT_S)
                self._began = _NOT_OPEN
        except KafkaException as problem:
            error: KafkaError = problem.args[0]
            log.info("abort was not answered: %s; the next handle aborts", error.name())
            if is_fatal(error):
                self._drop()
            if error.code() == KafkaError._FENCED and not self._past_timeout():
                raise before_commit(error, "abort", past_timeout=False) from None
        finally:
            self._watchdog.disarm()
            self._ended("abort")

    def elapsed_s(self) -> float:
        """Return the seconds since the transaction began."""
        return time.monotonic() - self._began

    def close(self) -> None:
        """Drop the handle without waiting; the broker ends an open transaction at its time-out."""
        self._drop()

    # --- handles ---------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Make the first handle now, so that leftovers of our name are aborted before any offset is read."""
        if not self._ready:
            self._renew("first")

    def _renewal_cause(self) -> Cause | None:
        if self._stale is not None or not self._ready:
            return self._stale or "error"
        idle_ms = (time.monotonic() - self._used) * 1000
        return "idle" if idle_ms > self._settings.idle_renewal_ms else None

    def _renew(self, cause: Cause) -> None:
        if self._ready or self._handle is None:
            self._drop()
            self._handle = Producer({**self._options, "error_cb": self._on_error}, logger=log)
        self._stale = cause
        self._watchdog.arm("init_transactions", 4 * INIT_TIMEOUT_S)
        try:
            self._handle.init_transactions(INIT_TIMEOUT_S)
        except KafkaException as problem:
            raise self._not_taken(problem.args[0]) from None
        finally:
            self._watchdog.disarm()
        self.send = self._handle.produce
        self._ready, self._stale = True, None
        self._used = time.monotonic()
        self.renewed(cause)

    def _not_taken(self, error: KafkaError) -> LeadflowError:
        """Return what a failed init_transactions means; the handle stays for another try where that may help."""
        outcome = before_commit(error, "taking the transactional id", past_timeout=False)
        if not isinstance(outcome, EpochLost):
            return outcome
        if not error.retriable():
            self._drop()
        return Unavailable(str(outcome))

    def _drop(self) -> None:
        if self._handle is not None:
            self._handle.purge()
            self._handle.poll(0)
        self._handle, self.send, self._ready = None, None, False

    def _on_error(self, error: KafkaError) -> None:
        if is_fatal(error):
            self._dead = before_commit(error, "producer", self._past_timeout())
        elif error.code() in CONNECTION:
            self._stale = self._stale or "connection"
        log.info("producer: %s %s", error.name(), error.str())

    def _on_delivery(self, error: KafkaError | None, message: Any) -> None:
        if error is None:
            if not self._stamp_ms:
                kind, stamp_ms = message.timestamp()
                self._stamp_ms = stamp_ms if kind == TIMESTAMP_LOG_APPEND_TIME else 0
        elif error.code() != KafkaError._PURGE_QUEUE:
            self.refused[message.topic()] = error.name()

    def _on_told(self, error: KafkaError | None, message: Any) -> None:
        self._on_delivery(error, message)
        offset = message.offset()
        if error is None and offset is not None:  # None: acknowledged as the duplicate of one whose answer was lost
            self._told.setdefault((message.topic(), message.partition()), []).append(offset)

    # --- ends ------------------------------------------------------------------------------------------------

    def _ended(self, stale: Cause | None) -> None:
        self._used = time.monotonic()
        self._stale = self._stale or stale

    def _give_up_slow(self) -> None:
        """Rule 2; but only once in a row, so that a machine that is always slow goes on, a renewal per epoch."""
        if self.elapsed_s() * 1000 < self._settings.clock_ms or self._gave_up_slow:
            return
        self._gave_up_slow = True
        raise self._lost("slow", f"{self.elapsed_s() * 1000:.0f} ms before the offsets were sent")

    def _lost(self, cause: Cause, text: str) -> EpochLost:
        self._watchdog.disarm()
        self._stale = self._stale or cause
        return EpochLost(text)

    def _serve(self, doing: str, call: Callable[[], int]) -> int:
        """Make a call that serves callbacks; the binding raises fatal errors out of it."""
        try:
            return call()
        except (KafkaException, SystemError) as problem:
            error = error_in(problem) or self._fatal_error()
            if error is not None:
                raise self._not_committed(error, doing) from None
            self._watchdog.disarm()
            raise StateInDoubt(f"{doing}: the producer cannot go on, and does not say why") from problem

    def _fatal_error(self) -> KafkaError | None:
        """Ask a handle for its fatal error, by a call that a sound one in mid-epoch refuses as well."""
        try:
            self._handle.begin_transaction()
        except KafkaException as problem:
            error: KafkaError = problem.args[0]
            return error if is_fatal(error) else None
        return None

    def _not_committed(self, error: KafkaError, doing: str) -> LeadflowError:
        self._watchdog.disarm()
        self._stale = "error"
        return before_commit(error, doing, self._past_timeout())

    def _refusals(self) -> str:
        return f"; refused: {', '.join(sorted(self.refused))}" if self.refused else ""

    def _past_timeout(self) -> bool:
        return self._began != _NOT_OPEN and self.elapsed_s() * 1000 >= self._settings.transaction_timeout_ms

    def _raise_if_dead(self) -> None:
        if self._dead is not None:
            self._watchdog.disarm()
            raise self._dead

    def _wait_for_room(self) -> None:
        for _ in range(QUEUE_WAITS):
            if self._serve("produce", lambda: self._handle.poll(QUEUE_WAIT_S)) or len(self._handle) == 0:
                return
        raise self._lost("connection", "the send queue stayed full")
