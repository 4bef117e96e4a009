"""The brokers of a cluster as our producer sees them: who leads, who coordinates, and a connection to each of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import KafkaError

from schemas.errors import NeedsPerson
from streams.kafka.bytes import Answer, Api, Buffer, ConnectionLost, Malformed
from streams.kafka.connection import Connection, Line
from streams.kafka.wire import (
    API_VERSIONS,
    FIND_COORDINATOR,
    METADATA,
    Cluster,
    find_coordinator,
    find_coordinator_answer,
    metadata,
    metadata_answer,
    missing,
)

Address = tuple[str, int]
Place = tuple[str, int]

OFFSETS_TOPIC = "__consumer_offsets"

BROKERS_MAX = 1_000
"""Connections are one a broker; more addresses than any cluster has are not a cluster."""


class NotKnown(Exception):
    """The cluster does not say who leads or coordinates, for now: `code` is Kafka's error, `subject` a topic or id."""

    def __init__(self, code: int, subject: str) -> None:
        super().__init__(f"{subject}: error {code}")
        self.code = code
        self.subject = subject


class Brokers:
    """Connections are made when they are needed, and made anew when they broke or idled. Used from one thread."""

    def __init__(self, bootstrap: Sequence[Address], line: Line, idle_s: float) -> None:
        """`bootstrap`: addresses to begin with. Nothing is connected yet."""
        self._bootstrap = bootstrap
        self._line = line
        self._idle_s = idle_s
        self._connections: dict[Address, Connection] = {}
        self._leaders: dict[Place, Address] = {}
        self._coordinators: dict[tuple[str, int], Address] = {}

    def ask(self, address: Address, api: Api, body: bytes, deadline: float) -> Answer:
        """Ask one broker. Raises ConnectionLost; whoever led or coordinated is looked for again then."""
        try:
            return self._connection(address, deadline).ask(api, body, deadline)
        except ConnectionLost:
            self.forget()
            raise

    def ask_all(self, api: Api, bodies: Sequence[tuple[Address, Sequence[Buffer]]], deadline: float) -> list[Answer]:
        """Ask several brokers at once, one of them several times in this order perhaps; the answers in the same order.

        Nothing is sent before all are connected. Raises ConnectionLost when one fails: what the others do then is not
        waited for, and their answers are lost too.
        """
        try:
            connections = {address: self._connection(address, deadline) for address, _ in bodies}
            for address, body in bodies:
                connections[address].send(api, body, deadline)
            return [connections[address].receive(deadline) for address, _ in bodies]
        except BaseException:  # an answer left behind would be taken for that to the next question
            self.close()
            raise

    def leaders(self, places: Iterable[Place], deadline: float) -> dict[Place, Address]:
        """Return who leads each partition. Raises NotKnown, ConnectionLost."""
        wanted = list(places)
        known = self._leaders
        if any(place not in known for place in wanted):
            self._learn({topic for topic, _ in wanted}, deadline)
        try:
            return {place: known[place] for place in wanted}
        except KeyError as problem:
            (place,) = problem.args
            raise NotKnown(KafkaError.LEADER_NOT_AVAILABLE, place[0]) from None

    def all_leaders(self, prefix: str, deadline: float) -> dict[Place, Address]:
        """Return who leads each partition of the topics with this prefix, and of the one that holds groups' offsets.

        What nobody leads now is left out. Raises ConnectionLost.
        """
        self._note_leaders(metadata_answer(self._ask_any(METADATA, metadata(None), deadline)))
        leaders = self._leaders.items()
        return {place: led for place, led in leaders if place[0].startswith(prefix) or place[0] == OFFSETS_TOPIC}

    def coordinator(self, key: str, kind: int, deadline: float) -> Address:
        """Return who coordinates a group or a transactional id. Raises NotKnown, ConnectionLost."""
        address = self._coordinators.get((key, kind))
        if address is None:
            error, address = find_coordinator_answer(
                self._ask_any(FIND_COORDINATOR, find_coordinator(key, kind), deadline)
            )
            if error:
                raise NotKnown(error, key)
            self._coordinators[key, kind] = address
        return address

    def forget(self) -> None:
        """Look again who leads and who coordinates, when it is needed next."""
        self._leaders.clear()
        self._coordinators.clear()

    def close(self) -> None:
        """Close all connections; the next question makes new ones."""
        self.forget()
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def _learn(self, topics: Iterable[str], deadline: float) -> None:
        cluster = metadata_answer(self._ask_any(METADATA, metadata(sorted(topics)), deadline))
        for topic, error in cluster.errors.items():
            raise NotKnown(error, topic)
        self._note_leaders(cluster)

    def _note_leaders(self, cluster: Cluster) -> None:
        if len(cluster.addresses) > BROKERS_MAX:
            raise ConnectionLost(f"a cluster of {len(cluster.addresses)} brokers")
        addresses: Mapping[int, Address] = cluster.addresses
        self._leaders.update({place: addresses[node] for place, node in cluster.leaders.items() if node in addresses})

    def _ask_any(self, api: Api, body: bytes, deadline: float) -> Answer:
        """Ask whoever answers: those that we are connected to, then those that we began with.

        One that says nothing may only use up its share of the time that is left.
        """
        problem = ConnectionLost("no broker to ask")
        addresses = list(dict.fromkeys([*self._connections, *self._bootstrap]))
        for waiting, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            now = time.monotonic()
            until = now + (deadline - now) / waiting
            try:
                return self._connection(address, until).ask(api, body, until)
            except ConnectionLost as lost:
                problem = lost
        raise problem

    def _connection(self, address: Address, deadline: float) -> Connection:
        connection = self._connections.get(address)
        if connection is not None:
            if connection.is_good(self._idle_s):
                return connection
            connection.close()
            del self._connections[address]
        connection = Connection(address, self._line, deadline)
        try:
            lacking = missing(connection.ask(API_VERSIONS, b"", deadline))
        except Malformed:
            connection.close()
            raise
        if lacking:
            connection.close()
            raise NeedsPerson(
                f"the broker at {connection} does not understand {', '.join(lacking)} as leadflow says it; "
                "leadflow needs Kafka 3.0 or newer"
            )
        self._connections[address] = connection
        return connection
