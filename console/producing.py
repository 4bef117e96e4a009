"""Writes for a person: many records one by one (imports), or a few together or not at all (plans, commands)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as RawMessage

from config.kafka import RECORD_BYTES_MAX
from console.reading import Address, Reader, Unreachable
from schemas.errors import LeadflowError
from streams.kafka.permissions import GROUP, READ, TOPIC, TRANSACTIONAL_ID, WRITE, Forbidden
from streams.stage import TopicPartition

#: A record that is not acknowledged by then is given up. Short enough to be told, long enough for a broker's restart.
DELIVERY_TIMEOUT_MS = 30_000
#: After a commit, its markers are in the log within milliseconds, on a busy broker within a second or so.
VISIBLE_S, VISIBLE_EVERY_S = 10.0, 0.02
#: Records under way at once; some megabytes. More would only wait in another place.
QUEUE_RECORDS = 20_000
#: As Java's clients do, so that a key lies in the same partition whoever writes it.
PARTITIONER = "murmur2_random"


class NotTaken(LeadflowError):
    """Kafka did not take what was sent; the message says what is known about it."""


class Unsettled(NotTaken):
    """Nobody knows whether the records were taken: the connection was lost while they were being committed."""


class Overtaken(NotTaken):
    """Somebody else began the same kind of change after us; nothing of ours was taken."""


class Outgoing(NamedTuple):
    """A record to be written; `topic` without prefix."""

    topic: str
    key: str | bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Sender:
    """Writes records one by one, each exactly once as long as this object lives, in order for each partition.

    `acknowledged` counts what all replicas have. An interrupted run may be repeated: what was acknowledged is written
    a second time then, so records must be such that leadflow knows them again. A record that is not acknowledged
    within `delivery_timeout_ms` fails the sender.
    """

    def __init__(
        self, address: Address, *, linger_ms: float = 5, delivery_timeout_ms: int = DELIVERY_TIMEOUT_MS
    ) -> None:
        self._address = address
        self._timeout_s = delivery_timeout_ms / 1000
        self._problem = ""
        self.acknowledged = 0
        self._producer = Producer(
            address.client(
                **{
                    "enable.idempotence": True,
                    "delivery.timeout.ms": delivery_timeout_ms,
                    "queue.buffering.max.messages": QUEUE_RECORDS,
                    "linger.ms": linger_ms,
                    "compression.type": "lz4",
                    "partitioner": PARTITIONER,
                    "message.max.bytes": RECORD_BYTES_MAX,
                }
            )
        )

    def send(self, record: Outgoing) -> None:
        """Hand one record over; waits while too many are under way. Raises NotTaken when an earlier one failed."""
        deadline = time.monotonic() + self._timeout_s
        while True:
            self._producer.poll(0)
            self._check()
            try:
                self._producer.produce(
                    self._address.prefix + record.topic,
                    record.value,
                    record.key,
                    headers=list(record.headers),
                    on_delivery=self._delivered,
                )
            except BufferError:
                if time.monotonic() > deadline:
                    raise self._failed("nothing was acknowledged") from None
                self._producer.poll(0.1)
            else:
                return

    def poll(self, timeout_s: float = 0.0) -> None:
        """Let acknowledgements come in."""
        self._producer.poll(timeout_s)
        self._check()

    def flush(self) -> None:
        """Wait until everything is acknowledged. Raises NotTaken."""
        left = self._producer.flush(self._timeout_s + 1)
        self._check()
        if left:
            raise self._failed(f"{left} records were not acknowledged")

    def _delivered(self, error: KafkaError | None, at: RawMessage) -> None:
        if error is None:
            self.acknowledged += 1
        else:
            self._problem = self._problem or why(error, {TOPIC: at.topic()})

    def _check(self) -> None:
        if self._problem:
            raise self._failed(self._problem)

    def _failed(self, why: str) -> NotTaken:
        return NotTaken(f"records were not taken at {self._address.bootstrap}: {why}")


class Change:
    """One change that is written whole or not at all; of two at once with the same name, the later one wins.

    Whoever opens a change of a name ends an unfinished one of that name: its commit raises Overtaken. So read what
    the change builds on after opening it.
    """

    def __init__(self, address: Address, name: str) -> None:
        self._address = address
        self._name = f"{address.prefix}leadflow-console-{name}"
        #: What a record was refused for: more is known there than when the whole is committed.
        self._refused = ""
        self._producer = Producer(
            address.client(
                **{
                    "transactional.id": self._name,
                    # a late copy of a request can only hurt a second transaction of one handle; there is none
                    "transaction.timeout.ms": 10_000,
                    "socket.timeout.ms": 10_000,
                    "partitioner": PARTITIONER,
                    "message.max.bytes": RECORD_BYTES_MAX,
                }
            )
        )
        self._call(self._producer.init_transactions, DELIVERY_TIMEOUT_MS / 1000)

    def commit(self, records: Iterable[Outgoing]) -> None:
        """Write all records, commit them, and wait until readers see them (`VISIBLE_S` at most).

        Raises:
            Overtaken: somebody opened the same change after us; nothing was written.
            NotTaken: the broker refused; nothing was written.
            Unsettled: look before trying again.
        """
        self._call(self._producer.begin_transaction)
        last: dict[TopicPartition, int] = {}

        def delivered(error: KafkaError | None, at: RawMessage) -> None:
            if error is None:
                name, partition, offset = at.topic() or "", at.partition() or 0, at.offset() or 0
                last[TopicPartition(name.removeprefix(self._address.prefix), partition)] = offset
            elif error.code() == TOPIC:
                self._refused = self._refused or why(error, {TOPIC: at.topic()})

        try:
            for record in records:
                topic = self._address.prefix + record.topic
                self._producer.produce(
                    topic, record.value, record.key, headers=list(record.headers), on_delivery=delivered
                )
            left = self._producer.flush(DELIVERY_TIMEOUT_MS / 1000)
        except KafkaException as error:
            self._abort()
            raise self._refusal(error.args[0]) from None
        if left:
            self._abort()
            raise NotTaken("Kafka did not take the records in time; nothing changed")
        self._commit()
        self._wait_visible(last)

    def _wait_visible(self, last: Mapping[TopicPartition, int]) -> None:
        """Wait until nobody's committed end lies before what was written: markers come after the commit's answer."""
        reader = Reader(self._address)
        deadline = time.monotonic() + VISIBLE_S
        with suppress(Unreachable):  # it is committed, whoever can look or not
            while any(end <= last[at] for at, end in reader.ends(last).items()) and time.monotonic() < deadline:
                time.sleep(VISIBLE_EVERY_S)

    def _commit(self) -> None:
        """Commit what is flushed; a record that was refused shows here, and makes the whole change fail."""
        try:
            self._producer.commit_transaction(DELIVERY_TIMEOUT_MS / 1000)
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            if not (cause.txn_requires_abort() or cause.fatal()):
                what = f"it is not known whether Kafka took the change ({cause.str()}); look before trying again"
                raise Unsettled(what) from None
            self._abort()
            raise self._refusal(cause) from None

    def _abort(self) -> None:
        try:
            self._producer.abort_transaction(DELIVERY_TIMEOUT_MS / 1000)
        except KafkaException:
            return  # the broker ends it after `transaction.timeout.ms`

    def _call(self, call: Any, *args: Any) -> None:
        try:
            call(*args)
        except KafkaException as error:
            raise self._refusal(error.args[0]) from None

    def _refusal(self, cause: KafkaError) -> NotTaken:
        if cause.code() in (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED):
            other = "somebody else made such a change at the same time"
            return Overtaken(f"{other}; nothing of yours was taken, look again")
        return NotTaken(f"nothing changed: {self._refused or why(cause, {TRANSACTIONAL_ID: self._name})}")


def why(error: KafkaError, names: Mapping[int, str | None]) -> str:
    """Return what an error says: the permission, where one is missing on what has a name under the error's code."""
    if name := names.get(error.code()):
        return str(Forbidden(error.code(), READ if error.code() == GROUP else WRITE, (name,)))
    return f"Kafka refused: {error.str()}"
