"""Kafka's transactions of one name as a model, behind a network that loses requests and answers, and delivers late.

The rules are those of a broker that verifies partitions of transactions (KIP-890), of InitProducerId those of KIP-360:

    a request of another epoch than the name's                           refused
    InitProducerId while a transaction is open                           aborts it, raises the epoch, "not now"
    InitProducerId by whom the epoch was raised for last                 told the same again
    what writes to a partition that the open transaction does not know   refused
    EndTxn as the transaction has ended already                          success
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from aiokafka.record.memory_records import MemoryRecords

from tests.support.kafka_layouts import (
    ADD_OFFSETS,
    ADD_PARTITIONS,
    INIT_PRODUCER_ID,
    NO_TAGS,
    PRODUCE,
    TRANSACTIONAL,
    TXN_OFFSET_COMMIT,
    answer_body,
    batch_producer,
    producer_of,
)
from tests.support.scripted_broker import Asked, Peer
from tests.support.scripted_cluster import PRODUCER_ID, added, offsets_taken, refuses

Place = tuple[str, int]

NOT_NOW, UNKNOWN, TIMED_OUT = 51, -1, 7
INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, OUT_OF_ORDER, FENCED = 47, 48, 45, 90


@dataclass
class Transactions:
    """What the brokers know of the name, and what read-committed readers see."""

    epoch: int = -1
    last_epoch: int = -1
    state: str = "empty"
    known: set[Place] = field(default_factory=set)
    group_known: bool = False
    open_records: list[tuple[Place, bytes]] = field(default_factory=list)
    open_offset: int | None = None
    sequences: dict[tuple[int, Place], int] = field(default_factory=dict)
    ends: dict[Place, int] = field(default_factory=dict)
    #: All that was committed, in order, and the group's offset.
    records: list[tuple[Place, bytes]] = field(default_factory=list)
    offset: int = 0

    def answer(self, asked: Asked) -> Any:
        """Do what is asked, and return the fields of the answer."""
        fields = asked.fields
        if asked.key == INIT_PRODUCER_ID:
            return self._taken(fields[3])
        error = 0 if producer_of(asked.key, fields)[1] == self.epoch else FENCED
        if asked.key == PRODUCE:
            return self._appended(fields, error)
        if asked.key == ADD_PARTITIONS:
            places = {(topic, number) for topic, own in fields[3] for number in own}
            if not error:
                self._open()
                self.known |= places
            return added(asked, dict.fromkeys(places, error))
        if asked.key == ADD_OFFSETS:
            if not error:
                self._open()
                self.group_known = True
            return 0, error
        if asked.key == TXN_OFFSET_COMMIT:
            return self._offsets(asked, error)
        return 0, error or self._ended(commit=fields[3])

    def _taken(self, expected: int) -> Any:
        if self.state == "open":
            self._end(commit=False)
            self.epoch, self.last_epoch = self.epoch + 1, -1
            return 0, NOT_NOW, -1, -1, NO_TAGS
        if expected == -1 or expected == self.epoch:
            self.epoch, self.last_epoch = self.epoch + 1, expected
        elif expected != self.last_epoch:
            return 0, FENCED, -1, -1, NO_TAGS
        return 0, 0, PRODUCER_ID, self.epoch, NO_TAGS

    def _open(self) -> None:
        if self.state != "open":
            self.state, self.known, self.group_known = "open", set(), False

    def _appended(self, fields: Any, error: int) -> Any:
        topics = []
        for topic, own in fields[3]:
            codes = [self._append((topic, number), batch, error) for number, batch in own]
            topics.append((topic, [(number, *code, -1, 0) for (number, _), code in zip(own, codes, strict=True)]))
        return topics, 0

    def _append(self, place: Place, batch: bytes, error: int) -> tuple[int, int]:
        _, epoch, sequence = batch_producer(batch)
        if error:
            return INVALID_PRODUCER_EPOCH, -1
        if self.state != "open" or place not in self.known:
            return INVALID_TXN_STATE, -1
        if sequence != self.sequences.get((epoch, place), 0):
            return OUT_OF_ORDER, -1
        values = [record.value for record in MemoryRecords(batch).next_batch()]
        self.sequences[epoch, place] = sequence + len(values)
        self.open_records += [(place, value) for value in values]
        first = self.ends.get(place, 0)
        self.ends[place] = first + len(values)
        return 0, first

    def _offsets(self, asked: Asked, error: int) -> Any:
        if not error and not (self.state == "open" and self.group_known):
            error = INVALID_TXN_STATE
        if not error:
            self.open_offset = asked.fields[7][0][1][0][1]
        return offsets_taken(asked, error)

    def _ended(self, *, commit: bool) -> int:
        if self.state == "open":
            self._end(commit=commit)
            return 0
        return 0 if self.state == ("committed" if commit else "aborted") else INVALID_TXN_STATE

    def _end(self, *, commit: bool) -> None:
        if commit:
            self.records += self.open_records
            self.offset = self.offset if self.open_offset is None else self.open_offset
        self.open_records, self.open_offset = [], None
        self.state = "committed" if commit else "aborted"


@dataclass
class BadNetwork:
    """Passes requests to the model, but a part of them: lost, unanswered, late, refused for now, failed half-way."""

    draw: random.Random
    bad: float
    """How many of them."""
    model: Transactions = field(default_factory=Transactions)
    late: list[Asked] = field(default_factory=list)
    """Requests on their way, whose connections are closed already."""
    delivered: int = 0

    def reply(self, peer: Peer, asked: Asked) -> None:
        """Answer a request that bears our name."""
        while self.late and self.draw.random() < 0.3:
            self._deliver(self.late.pop(self.draw.randrange(len(self.late))))
        if self.draw.random() >= self.bad:
            peer.answer(asked, answer_body(asked.key, self.model.answer(asked)))
            return
        self.draw.choice((self._lost, self._unanswered, self._late, self._late, self._refused, self._half_done))(
            peer, asked
        )

    def calm(self) -> None:
        """Let everything arrive that is on its way, and nothing be bad any more."""
        self.bad = 0.0
        while self.late:
            self._deliver(self.late.pop())

    def _deliver(self, asked: Asked) -> None:
        self.model.answer(asked)
        self.delivered += 1

    def _lost(self, peer: Peer, asked: Asked) -> None:
        peer.close()

    def _unanswered(self, peer: Peer, asked: Asked) -> None:
        self.model.answer(asked)
        peer.close()

    def _late(self, peer: Peer, asked: Asked) -> None:
        self.late.append(asked)
        peer.close()

    def _refused(self, peer: Peer, asked: Asked) -> None:
        refuses(UNKNOWN if asked.key == PRODUCE or self.draw.random() < 0.3 else NOT_NOW)(peer, asked)

    def _half_done(self, peer: Peer, asked: Asked) -> None:
        """Done, and told as failed: replicas did not follow in time."""
        if asked.key in (PRODUCE, ADD_PARTITIONS):
            self.model.answer(asked)
            refuses(TIMED_OUT)(peer, asked)
        else:
            peer.close()


NAMED = TRANSACTIONAL | {INIT_PRODUCER_ID}
"""What the network is bad to."""
