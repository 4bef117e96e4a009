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

ASKED_MAX = 6
"""Brokers that are tried for one answer; each has its share of the time, and that must be enough to be let in."""

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
        #: Where any question can be asked: what we began with and what we were told of; who failed last comes last.
        self._known = dict.fromkeys(bootstrap)
        self._bootstrap = frozenset(bootstrap)
        self._line = line
        self._idle_s = idle_s
        self._connections: dict[Address, Connection] = {}
        self._leaders: dict[Place, Address] = {}
        self._coordinators: dict[tuple[str, int], Address] = {}
        self._offsets_partitions = 0

    def ask(self, address: Address, api: Api, body: bytes, deadline: float) -> Answer:
        """Ask one broker. Raises ConnectionLost; whoever led or coordinated is looked for again then."""
        try:
            return self.connection(address, deadline).ask(api, body, deadline)
        except ConnectionLost:
            self.forget()
            raise

    def ask_all(self, api: Api, bodies: Sequence[tuple[Address, Sequence[Buffer]]], deadline: float) -> list[Answer]:
        """Ask several brokers at once, one of them several times in this order perhaps; the answers in the same order.

        Nothing is sent before all are connected. Raises ConnectionLost when one fails: what the others do then is not
        waited for, and their answers are lost too.
        """
        try:
            connections = {address: self.connection(address, deadline) for address, _ in bodies}
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

    def all_leaders(self, prefix: str, deadline: float) -> tuple[dict[Place, Address], bool]:
        """Return who leads each partition of the topics with this prefix, and whether all of them are led.

        Raises ConnectionLost.
        """
        self._leaders.clear()
        cluster = metadata_answer(self._ask_any(METADATA, metadata(None), deadline))
        self._note_leaders(cluster)
        leaders = {place: leader for place, leader in self._leaders.items() if place[0].startswith(prefix)}
        wanted = sum(count for topic, count in cluster.counts.items() if topic.startswith(prefix))
        return leaders, len(leaders) == wanted

    def offsets_place(self, group: str) -> Place | None:
        """Return the partition that holds a group's offsets, as `all_leaders` saw it; None before there is one."""
        count = self._offsets_partitions
        return (OFFSETS_TOPIC, _java_hash(group) % count) if count else None

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

    def throttled_s(self) -> float:
        """Return for how long some broker hears no more of us yet, for a quota's sake; 0 where none does."""
        until = max((connection.throttled_until for connection in self._connections.values()), default=0.0)
        return max(0.0, until - time.monotonic())

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
        self._offsets_partitions = cluster.counts.get(OFFSETS_TOPIC, self._offsets_partitions)
        addresses: Mapping[int, Address] = cluster.addresses
        told = self._bootstrap.union(addresses.values())
        self._known = dict.fromkeys([*(known for known in self._known if known in told), *addresses.values()])
        self._leaders.update({place: addresses[node] for place, node in cluster.leaders.items() if node in addresses})

    def _ask_any(self, api: Api, body: bytes, deadline: float) -> Answer:
        """Ask whoever answers: those that we are connected to, then those that we know of.

        One that says nothing may only use up its share of the time that is left.
        """
        problem = ConnectionLost("no broker to ask")
        addresses = list(dict.fromkeys([*self._connections, *self._known]))[:ASKED_MAX]
        for waiting, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            now = time.monotonic()
            until = now + (deadline - now) / waiting
            try:
                return self.connection(address, until).ask(api, body, until)
            except ConnectionLost as lost:
                problem = lost
                self._connections.pop(address, None)
                self._known.pop(address, None)
                self._known[address] = None
        raise problem

    def connection(self, address: Address, deadline: float) -> Connection:
        """Return the connection to a broker, a new one where there is none that is good. Raises ConnectionLost."""
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
                "leadflow needs Kafka 3.0 or newer, and the port of a broker, not of a controller"
            )
        self._connections[address] = connection
        return connection


def _java_hash(text: str) -> int:
    """Return what Java's `String.hashCode` does, without its sign: by it Kafka places groups."""
    code = 0
    for unit in memoryview(text.encode("utf-16-le")).cast("H"):
        code = (31 * code + unit) & 0xFFFFFFFF
    return code if code < 1 << 31 else (1 << 32) - code & 0x7FFFFFFF
