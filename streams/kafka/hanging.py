"""Ends transactions of ours that the cluster took for ended, and did not end everywhere.

A coordinator that aborts a transaction while some of its partitions have no leader may pass over these as if they were
deleted (seen on Kafka 4.3: its only broker had restarted, and the transaction had become too old meanwhile). What was
written there stays open, and our next transaction would commit it along with its own: a lead sold twice. Who has just
been given the name has nothing open, so whatever a partition still knows as open of our producer id hangs.
"""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaError

from schemas.errors import NeedsPerson
from streams.kafka import wire
from streams.kafka.brokers import Address, Brokers, NotKnown, Place
from streams.kafka.errors import log

PLACES_MAX = 500
"""Partitions of one question: its answer holds some 50 bytes for each producer that has written to them lately."""


class Hanging:
    """Looks at each partition once after the name was taken and before anything is written to it."""

    def __init__(self, brokers: Brokers, prefix: str) -> None:
        """`prefix`: of the topics that this worker may have written to in an earlier life."""
        self._brokers = brokers
        self._prefix = prefix
        self._seen: set[Place] = set()

    def end_all(self, producer: wire.Producer, deadline: float) -> None:
        """Look at all partitions that have a leader: readers wait for what hangs, a restore among them. As `end`.

        To be called whenever the name was taken: an end of ours may have passed over a partition just now.
        """
        self._seen.clear()
        self._look(self._brokers.all_leaders(self._prefix, deadline), producer, deadline)

    def end(self, leaders: Mapping[Place, Address], producer: wire.Producer, deadline: float) -> None:
        """Look at those of these partitions that were not looked at yet, and abort what hangs there.

        `producer` is who we are since we were given the name. Raises ConnectionLost and NotKnown: it may be called
        again; NeedsPerson: we are not allowed to end it.
        """
        if new := leaders.keys() - self._seen:
            self._look({place: leaders[place] for place in new}, producer, deadline)

    def _look(self, leaders: Mapping[Place, Address], producer: wire.Producer, deadline: float) -> None:
        questions = [
            (address, [wire.describe_producers(places[at : at + PLACES_MAX])])
            for address, places in _by_address(leaders).items()
            for at in range(0, len(places), PLACES_MAX)
        ]
        hanging: dict[Place, int] = {}
        hidden: set[str] = set()
        for answer in self._brokers.ask_all(wire.DESCRIBE_PRODUCERS, questions, deadline):
            for place, (error, writers) in wire.describe_producers_answer(answer).items():
                if error == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    hidden.add(place[0])
                elif error:
                    self._refused(error, place)
                for writer in writers:
                    if writer.producer.id == producer.id and writer.since >= 0:
                        hanging[place] = max(writer.coordinator_epoch, 0)
        if hidden:
            log.warning("nobody looks for transactions of ours that hang in %s: allow us to read", sorted(hidden))
        if hanging:
            self._abort(hanging, leaders, producer, deadline)
        self._seen.update(leaders)

    def _refused(self, error: int, place: Place) -> None:
        self._brokers.forget()
        raise NotKnown(error, place[0])

    def _abort(
        self,
        hanging: Mapping[Place, int],
        leaders: Mapping[Place, Address],
        producer: wire.Producer,
        deadline: float,
    ) -> None:
        named = ", ".join(f"{topic}-{number}" for topic, number in sorted(hanging))
        log.error("a transaction of ours was ended, but not in %s: it is aborted there now", named)
        requests = [
            (address, [wire.write_abort_markers(producer, {place: hanging[place] for place in places})])
            for address, places in _by_address({place: leaders[place] for place in hanging}).items()
        ]
        for answer in self._brokers.ask_all(wire.WRITE_MARKERS, requests, deadline):
            for place, error in wire.write_markers_answer(answer).items():
                if error == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
                    raise NeedsPerson(
                        f"a transaction of ours hangs in {named}, and we may not end it: "
                        "allow us ClusterAction, or abort it by Kafka's kafka-transactions.sh"
                    )
                if error:
                    self._refused(error, place)


def _by_address(leaders: Mapping[Place, Address]) -> dict[Address, list[Place]]:
    places: dict[Address, list[Place]] = {}
    for place, address in sorted(leaders.items()):
        places.setdefault(address, []).append(place)
    return places
