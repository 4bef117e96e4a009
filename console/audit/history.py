"""A copy of topics in memory into which violations are planted: records found, changed, added and taken out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from console.audit.findings import Place
from schemas.codec import Codec
from schemas.records import LeadScored, LeadSold, LeadUnique, Offer, Record, Reroute
from schemas.topics import CLOSED, OFFERS, REJECTED, REROUTES, SCORED, SOLD, UNFILLED, UNIQUE
from streams.stage import Message

R = TypeVar("R", bound=Record)
replace: Callable[..., Any] = msgspec.structs.replace


class NotHere(Exception):
    """These topics hold nothing of the kind that a violation needs."""


class History:
    """The records of all topics, in the order of the broker's time."""

    def __init__(self, messages: Iterable[Message], codec: Codec) -> None:
        self.messages = list(messages)
        self._codec = codec

    def all(self, topic: str, kind: type[R]) -> Iterator[tuple[Message, R]]:
        """Yield the records of a kind on a topic; what cannot be read is passed over."""
        for message in self.messages:
            if message.topic == topic and message.value:
                record = self._read(message)
                if isinstance(record, kind):
                    yield message, record

    def _read(self, message: Message) -> Record | None:
        try:
            return self._codec.decode(message.value or b"")
        except Exception:
            return None

    def first(self, topic: str, kind: type[R], wanted: Callable[[R], bool] = lambda record: True) -> tuple[Message, R]:
        """Return the first record that is wanted. Raises NotHere."""
        for message, record in self.all(topic, kind):
            if wanted(record):
                return message, record
        raise NotHere(f"{topic} has no such {kind.__name__}")

    def last(self, topic: str, kind: type[R], wanted: Callable[[R], bool] = lambda record: True) -> tuple[Message, R]:
        """Return the last record that is wanted. Raises NotHere."""
        found = [(message, record) for message, record in self.all(topic, kind) if wanted(record)]
        if not found:
            raise NotHere(f"{topic} has no such {kind.__name__}")
        return found[-1]

    def change(self, message: Message, record: Record) -> Place:
        """Put another record in the place of one."""
        at = next(index for index, each in enumerate(self.messages) if each[:3] == message[:3])
        self.messages[at] = message._replace(value=self._codec.encode(record))
        return Place(*message[:3])

    def add(self, topic: str, record: Record | bytes, key: str, partition: int | None = None) -> Place:
        """Put a record behind all others, in the partition of its key if there is one."""
        value = record if isinstance(record, bytes) else self._codec.encode(record)
        raw = key.encode()
        mates = [each for each in self.messages if each.topic == topic]
        if partition is None:
            partition = next((each.partition for each in mates if each.key == raw), 0)
        offset = max((each.offset for each in mates if each.partition == partition), default=-1) + 1
        now_ms = max(each.timestamp_ms for each in self.messages) + 1
        self.messages.append(Message(topic, partition, offset, now_ms, raw, value))
        return Place(topic, partition, offset)

    def put(self, message: Message) -> None:
        """Put a record before all others of its time and later."""
        at = next((i for i, each in enumerate(self.messages) if each.timestamp_ms >= message.timestamp_ms), None)
        self.messages.insert(len(self.messages) if at is None else at, message)

    def encode(self, record: Record) -> bytes:
        """Return a record's bytes."""
        return self._codec.encode(record)

    def drop(self, *chosen: Message) -> None:
        """Take records out; their offsets stay unused, as those of a transaction that was undone."""
        gone = {message[:3] for message in chosen}
        self.messages = [message for message in self.messages if message[:3] not in gone]

    def of_lead(self, lead_id: str) -> list[Message]:
        """Return every record about a lead behind intake, buyers' records included."""
        topics = {UNIQUE, SCORED, OFFERS, REROUTES, SOLD, UNFILLED, CLOSED, REJECTED}
        found = []
        for message in self.messages:
            if message.topic in topics or message.topic.startswith("buyers."):
                record = self._read(message)
                slip = getattr(record, "slip", None)
                if (slip.lead_id if slip is not None else getattr(record, "lead_id", "")) == lead_id:
                    found.append(message)
        return found

    def rewrite(self, lead_id: str, alter: Callable[[Any], Any]) -> None:
        """Change every record that carries the lead's slip: the same change on its whole way."""
        for message in self.of_lead(lead_id):
            record = self._read(message)
            if isinstance(record, LeadUnique | LeadScored | Offer | Reroute):
                self.change(message, alter(record))

    def delivery(self, sale: LeadSold) -> tuple[Message, Any]:
        """Return the buyer's record of a sale. Raises NotHere."""
        for message in self.messages:
            if message.topic == f"buyers.{sale.buyer_id}.leads":
                record = self._read(message)
                if getattr(record, "sale_id", "") == sale.sale_id:
                    return message, record
        raise NotHere(f"sale {sale.sale_id} was not delivered")
