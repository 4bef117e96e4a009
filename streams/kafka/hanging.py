"""Ends transactions of ours that the cluster took for ended, and did not end everywhere.

A coordinator that ends a transaction while some of its partitions have no leader passes over these as if they were
deleted (Kafka 4.3). What was written there stays open, and shares the fate of our next transaction there: what was
aborted would be committed with it, a lead sold twice; what was committed might be aborted with it, a lead lost. Who has
just been given the name has nothing open, so whatever a partition still knows as open of our producer id hangs. It is
ended as its transaction was (`streams.kafka.outcomes`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from confluent_kafka import KafkaError

from schemas.errors import NeedsPerson
from streams.kafka import wire, wire_hanging
from streams.kafka.brokers import Address, Brokers, NotKnown, Place
from streams.kafka.connection import Connection
from streams.kafka.errors import log
from streams.kafka.outcomes import Outcomes
from streams.kafka.permissions import READ, TOPIC, Forbidden

PLACES_MAX = 100
"""Partitions of one question: its answer holds some 50 bytes for each producer that has written to them lately."""


@dataclass
class _Found:
    """What was seen: where something hangs, with the coordinator's epoch as known there, and where it was committed.

    And what was not: topics that we may not look at, partitions that cannot tell just now.
    """

    hanging: dict[Place, int] = field(default_factory=dict)
    committed: set[Place] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    unseen: set[Place] = field(default_factory=set)


class Hanging:
    """Looks at each partition once after the name was taken and before anything is written to it.

    And again before more is written over another connection than it was looked at by: its leader has moved or was
    started again meanwhile, and it may have been without one when our last transaction was ended.
    """

    def __init__(self, brokers: Brokers, prefix: str, group: str, outcomes: Outcomes) -> None:
        """`prefix`: of the topics that this worker may have written to in an earlier life; `group`: whose offsets."""
        self._brokers = brokers
        self._prefix = prefix
        self._group = group
        self._outcomes = outcomes
        self._seen: dict[Place, Connection] = {}
        #: Whether `end_all` has left out some partition, which nobody led or whose leader was just moving.
        self.incomplete = False

    def end_all(self, producer: wire.Producer, deadline: float) -> None:
        """Look at all partitions that can be looked at: readers wait for what hangs, a restore among them. As `end`.

        To be called whenever the name was taken, for an end of ours may have passed over a partition just now; not
        given again before the last transaction is ended everywhere, so that none is met that is only not ended yet.
        """
        self._seen.clear()
        self.incomplete = True
        leaders, complete = self._brokers.all_leaders(self._prefix, deadline)
        place = self._brokers.offsets_place(self._group)
        if place is not None:
            try:
                leaders |= self._brokers.leaders([place], deadline)
            except NotKnown:
                complete = False
        unseen = self._look(leaders, producer, deadline, strict=False)
        self.incomplete = bool(unseen) or not complete

    def end_offsets(self, producer: wire.Producer, deadline: float) -> None:
        """Look at the partition that holds the group's offsets, before the transaction's are sent. As `end`."""
        place = self._brokers.offsets_place(self._group)
        if place is not None:
            self.end(self._brokers.leaders([place], deadline), producer, deadline)

    def end(self, leaders: Mapping[Place, Address], producer: wire.Producer, deadline: float) -> None:
        """Look at those of these partitions that were not looked at over their leader's connection; end what hangs.

        They were let into the open transaction, so that the last one is ended, and not written to yet. `producer` is
        who we are since we were given the name. Raises ConnectionLost and NotKnown: it may be called again;
        NeedsPerson: we are not allowed to end it.
        """
        lines = self._lines(leaders, deadline)
        seen = self._seen.get
        if new := {place: leader for place, leader in leaders.items() if seen(place) is not lines[leader]}:
            self._look(new, producer, deadline, strict=True)

    def _look(
        self, leaders: Mapping[Place, Address], producer: wire.Producer, deadline: float, *, strict: bool
    ) -> Collection[Place]:
        """Look at partitions, end what hangs there, and return those that were not to be seen: none if `strict`."""
        questions = [
            (address, [wire_hanging.describe_producers(places[at : at + PLACES_MAX])])
            for address, places in _by_address(leaders).items()
            for at in range(0, len(places), PLACES_MAX)
        ]
        found = _Found()
        for answer in self._brokers.ask_all(wire.DESCRIBE_PRODUCERS, questions, deadline):
            for place, (error, writers) in wire_hanging.describe_producers_answer(answer).items():
                if error == TOPIC:
                    found.hidden.add(place[0])
                elif error and strict:
                    self._refused(error, place)
                elif error:
                    found.unseen.add(place)
                else:
                    self._note(found, place, (writer for writer in writers if writer.producer.id == producer.id))
        if found.hidden:
            log.warning("nobody looks for transactions of ours that hang: %s", Forbidden(TOPIC, READ, found.hidden))
        if found.hanging:
            self._end(found, leaders, producer, deadline)
        lines = self._lines(leaders, deadline)
        self._seen.update({place: lines[leader] for place, leader in leaders.items() if place not in found.unseen})
        return found.unseen

    def _note(self, found: _Found, place: Place, ours: Iterable[wire_hanging.Writing]) -> None:
        for writing in ours:
            if writing.since >= 0:
                found.hanging[place] = max(writing.coordinator_epoch, 0)
                if self._outcomes.was_committed(place, writing):
                    found.committed.add(place)

    def _lines(self, leaders: Mapping[Place, Address], deadline: float) -> dict[Address, Connection]:
        return {leader: self._brokers.connection(leader, deadline) for leader in set(leaders.values())}

    def _refused(self, error: int, place: Place) -> None:
        self._brokers.forget()
        raise NotKnown(error, place[0])

    def _end(self, found: _Found, leaders: Mapping[Place, Address], producer: wire.Producer, deadline: float) -> None:
        hanging, committed = found.hanging, found.committed
        named = ", ".join(
            f"{topic}-{number} ({'committed' if (topic, number) in committed else 'aborted'})"
            for topic, number in sorted(hanging)
        )
        log.error("transactions of ours were ended, but not everywhere: what hangs is ended now, in %s", named)
        requests = [
            (address, [wire_hanging.write_markers(producer, {p: hanging[p] for p in places}, committed=committed)])
            for address, places in _by_address({place: leaders[place] for place in hanging}).items()
        ]
        for answer in self._brokers.ask_all(wire.WRITE_MARKERS, requests, deadline):
            for place, error in wire_hanging.write_markers_answer(answer).items():
                if error == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
                    raise NeedsPerson(
                        f"a transaction of ours hangs in {named}, and we may not end it: allow us ClusterAction"
                    )
                if error:
                    self._refused(error, place)


def _by_address(leaders: Mapping[Place, Address]) -> dict[Address, list[Place]]:
    places: dict[Address, list[Place]] = {}
    for place, address in sorted(leaders.items()):
        places.setdefault(address, []).append(place)
    return places
