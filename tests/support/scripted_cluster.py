"""Brokers that agree to everything until a test tells one of them otherwise, and the rule of what they may hear."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from tests.support.kafka_layouts import (
    ADD_OFFSETS,
    ADD_PARTITIONS,
    API_VERSIONS,
    DESCRIBE_PRODUCERS,
    DESCRIBE_TRANSACTIONS,
    END_TXN,
    FIND_COORDINATOR,
    INIT_PRODUCER_ID,
    METADATA,
    NO_TAGS,
    PRODUCE,
    SASL_AUTHENTICATE,
    SASL_HANDSHAKE,
    TRANSACTIONAL,
    TXN_OFFSET_COMMIT,
    VERSIONS,
    WRITE_MARKERS,
    batch_producer,
    error_codes,
    producer_of,
)
from tests.support.scripted_broker import Asked, Peer, Reply, ScriptedBroker, says

PARTITIONS = 8
PRODUCER_ID = 4711
STAMP_MS = 1_700_000_000_000

NOT_NOW = frozenset({14, 15, 16, 51})
"""The coordinator loads, is not available, is another one, ends another transaction: it did nothing."""

Place = tuple[str, int]


class ScriptedCluster:
    """So many brokers, node 0 first; start it by `with`. Every topic asked for is there, with `PARTITIONS` partitions.

    `leaders` and `coordinators` (by key) name nodes; who is not in them is node 0's.
    """

    def __init__(self, nodes: int = 1) -> None:
        self.asked: list[Asked] = []
        self.changed = threading.Condition(threading.RLock())
        self.brokers = [ScriptedBroker(self._usual, node, self.asked, self.changed) for node in range(nodes)]
        self.leaders: dict[Place, int] = {}
        self.coordinators: dict[str, int] = {}
        self.epoch = -1
        self.ends: dict[Place, int] = {}
        #: How the name's last transaction ended, as its coordinator says, and under which epoch; None: there was none.
        self.last: tuple[str, int] | None = None
        #: Partitions in which a transaction of ours hangs, with the coordinator's epoch that they know.
        self.hanging: dict[Place, int] = {}
        #: The epoch under which it was written, and the offset from which on.
        self.hanging_epoch, self.hanging_since = 0, 83
        #: What became of it: whether it was committed.
        self.ended: dict[Place, bool] = {}
        self._stack = ExitStack()

    def __enter__(self) -> ScriptedCluster:
        for broker in self.brokers:
            self._stack.enter_context(broker)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where the brokers are."""
        return [broker.address for broker in self.brokers]

    @property
    def bootstrap(self) -> str:
        """The addresses as settings name them."""
        return ",".join(f"{host}:{port}" for host, port in self.addresses)

    def script(self, key: int, *replies: Reply, node: int = 0) -> None:
        """Reply to the next requests of a kind so, one after the other."""
        self.brokers[node].script(key, *replies)

    def always(self, key: int, reply: Reply | None) -> None:
        """Reply to all further requests of a kind so, or as usual again."""
        for broker in self.brokers:
            with self.changed:
                broker.always.pop(key, None)
                if reply is not None:
                    broker.always[key] = reply

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until it holds."""
        self.brokers[0].until(holds, what)

    def of(self, *keys: int) -> list[Asked]:
        """Return what was asked of these kinds, of all brokers."""
        return self.brokers[0].of(*keys)

    def kinds(self, *keys: int) -> list[int]:
        """Return the kinds of what was asked, in their order; of these kinds, or of those that bear our name."""
        return [asked.key for asked in self.of(*(keys or (*TRANSACTIONAL, INIT_PRODUCER_ID)))]

    def _usual(self, peer: Peer, asked: Asked) -> None:
        with self.changed:
            fields = _USUAL[asked.key](self, asked)
        says(*fields)(peer, asked)


# --- what a broker says that agrees -----------------------------------------------------------------------------------


def versions(lacking: int | None = None) -> tuple[int, list[tuple[int, int, int]]]:
    """Return that a broker knows all versions that we speak, but those of one kind."""
    return 0, [(key, 0, version - (key == lacking)) for key, version in VERSIONS.items()]


def metadata(cluster: ScriptedCluster, topics: list[str] | None, leaderless: frozenset[Place] = frozenset()) -> Any:
    """Return where the brokers are and who leads."""
    brokers = [(node, host, port, None) for node, (host, port) in enumerate(cluster.addresses)]
    described = []
    for topic in sorted({topic for topic, _ in cluster.hanging}) if topics is None else topics:
        places = [(topic, partition) for partition in range(PARTITIONS)]
        led = [-1 if place in leaderless else cluster.leaders.get(place, 0) for place in places]
        described.append(
            (0, topic, False, [(0, place[1], node, [0], [0]) for place, node in zip(places, led, strict=True)])
        )
    return 0, brokers, None, 0, described


def appended(cluster: ScriptedCluster, asked: Asked, errors: dict[Place, int] | None = None) -> Any:
    """Return that batches were appended, but those refused with an error."""
    topics = []
    for topic, partitions in asked.fields[3]:
        own = []
        for partition, batch in partitions:
            error = (errors or {}).get((topic, partition), 0)
            offset = cluster.ends.get((topic, partition), 100)
            if not error:
                cluster.ends[topic, partition] = offset + int.from_bytes(batch[57:61], "big")
            own.append((partition, error, -1 if error else offset, -1 if error else STAMP_MS, 0))
        topics.append((topic, own))
    return topics, 0


def _coordinator(cluster: ScriptedCluster, asked: Asked) -> Any:
    node = cluster.coordinators.get(asked.fields[0], 0)
    return 0, 0, None, node, *cluster.addresses[node]


def taken(cluster: ScriptedCluster, asked: Asked) -> Any:
    """Return that the name is taken, under the next epoch."""
    cluster.epoch += 1
    return 0, 0, PRODUCER_ID, cluster.epoch, NO_TAGS


def added(asked: Asked, errors: dict[Place, int] | None = None) -> Any:
    """Return that partitions were added, but those refused with an error."""
    topics = asked.fields[3]
    return 0, [(topic, [(number, (errors or {}).get((topic, number), 0)) for number in own]) for topic, own in topics]


def offsets_taken(asked: Asked, error: int = 0) -> Any:
    """Return what became of the offsets, of all alike."""
    topics = asked.fields[7]
    own = [
        (topic, [(partition[0], error, NO_TAGS) for partition in partitions], NO_TAGS)
        for topic, partitions, _ in topics
    ]
    return 0, own, NO_TAGS


_STRANGER = (PRODUCER_ID + 1, 3, 7, STAMP_MS, 5, 12, NO_TAGS)
"""Another producer, whose open transaction is none of ours."""


def writers(cluster: ScriptedCluster, asked: Asked, error: int = 0) -> Any:
    """Return who writes to partitions: us, with something open where it hangs."""
    topics = []
    for topic, own, _ in asked.fields[0]:
        described = []
        for number in own:
            hangs = cluster.hanging.get((topic, number))
            found = (-1, -1) if hangs is None else (hangs, cluster.hanging_since)
            active = [(PRODUCER_ID, cluster.hanging_epoch, 7, STAMP_MS, *found, NO_TAGS)]
            described.append((number, error, None, [*active, _STRANGER], NO_TAGS))
        topics.append((topic, described, NO_TAGS))
    return 0, topics, NO_TAGS


def last_transaction(cluster: ScriptedCluster, asked: Asked) -> Any:
    """Return how the name's last transaction ended."""
    state, epoch = cluster.last or ("", -1)
    (name,) = asked.fields[0]
    own: Any = (
        0 if cluster.last else 105,
        name,
        state,
        10_000,
        STAMP_MS,
        PRODUCER_ID,
        epoch,
        [("p.out", [0], {})],
        NO_TAGS,
    )
    return 0, [own], NO_TAGS


def marked(cluster: ScriptedCluster, asked: Asked, error: int = 0) -> Any:
    """Return that markers were written, after which nothing hangs there; or that all were refused."""
    markers = []
    for producer, _, commit, topics, _, _ in asked.fields[0]:
        if not error:
            for place in [(topic, number) for topic, own, _ in topics for number in own]:
                cluster.hanging.pop(place, None)
                cluster.ended[place] = commit
        own = [(topic, [(number, error, NO_TAGS) for number in numbers], NO_TAGS) for topic, numbers, _ in topics]
        markers.append((producer, own, NO_TAGS))
    return markers, NO_TAGS


def refuses(code: int) -> Reply:
    """Answer with this error code, of each partition where there are some."""

    def reply(peer: Peer, asked: Asked) -> None:
        says(*_REFUSALS[asked.key](asked, code))(peer, asked)

    return reply


def _all_refused(asked: Asked, code: int) -> Any:
    return [(topic, [(place[0], code, -1, -1, -1) for place in places]) for topic, places in asked.fields[3]], 0


_REFUSALS: dict[int, Callable[[Asked, int], Any]] = {
    FIND_COORDINATOR: lambda asked, code: (0, code, None, -1, "", -1),
    INIT_PRODUCER_ID: lambda asked, code: (0, code, -1, -1, NO_TAGS),
    ADD_PARTITIONS: lambda asked, code: added(asked, {(t, p): code for t, own in asked.fields[3] for p in own}),
    PRODUCE: _all_refused,
    ADD_OFFSETS: lambda asked, code: (0, code),
    TXN_OFFSET_COMMIT: lambda asked, code: offsets_taken(asked, code),
    END_TXN: lambda asked, code: (0, code),
}

_USUAL: dict[int, Callable[[ScriptedCluster, Asked], Any]] = {
    SASL_HANDSHAKE: lambda cluster, asked: (0, ["PLAIN"]),
    SASL_AUTHENTICATE: lambda cluster, asked: (0, None, b"", 0),
    API_VERSIONS: lambda cluster, asked: versions(),
    METADATA: lambda cluster, asked: metadata(cluster, asked.fields[0]),
    FIND_COORDINATOR: _coordinator,
    INIT_PRODUCER_ID: taken,
    ADD_PARTITIONS: lambda cluster, asked: added(asked),
    PRODUCE: lambda cluster, asked: appended(cluster, asked),
    ADD_OFFSETS: lambda cluster, asked: (0, 0),
    DESCRIBE_TRANSACTIONS: last_transaction,
    DESCRIBE_PRODUCERS: lambda cluster, asked: writers(cluster, asked),
    WRITE_MARKERS: lambda cluster, asked: marked(cluster, asked),
    TXN_OFFSET_COMMIT: lambda cluster, asked: offsets_taken(asked),
    END_TXN: lambda cluster, asked: (0, 0),
}


# --- the rule ---------------------------------------------------------------------------------------------------------


def violations(asked: list[Asked]) -> Iterator[str]:
    """Yield what breaks the rule of the producer: what was not answered, or not with success, ends its epoch.

    Under an epoch that has ended, and after each abort, nothing is sent but EndTxn, until the name is taken again; what
    was answered "not now" did nothing, and may be sent again. Sequence numbers begin at 0 and go on without a gap; they
    tell produce requests that are sent again from those that are sent at once, to several brokers.
    """
    ended: dict[tuple[int, int], tuple[int, str]] = {}
    following: dict[tuple[tuple[int, int], Place], int] = {}
    for request in asked:
        if request.key not in TRANSACTIONAL:
            continue
        fields = request.fields
        producer = producer_of(request.key, fields)
        if request.key == PRODUCE:
            yield from _gaps(fields, producer, following)
        by, why = ended.get(producer, (END_TXN, ""))
        if why and request.key != END_TXN and not by == request.key == PRODUCE:
            yield f"kind {request.key} was sent under an epoch that {why} had ended"
        codes = None if request.answered is None else error_codes(request.key, request.answered)
        if codes is None:
            ended.setdefault(producer, (request.key, f"an unanswered request of kind {request.key}"))
        elif codes - {0} - (frozenset() if request.key == PRODUCE else NOT_NOW):
            ended.setdefault(producer, (request.key, f"errors {sorted(codes)} to kind {request.key}"))
        elif request.key == END_TXN and not fields[3]:
            ended.setdefault(producer, (request.key, "an abort"))


def _gaps(fields: Any, producer: tuple[int, int], following: dict[tuple[tuple[int, int], Place], int]) -> Iterator[str]:
    for topic, partitions in fields[3]:
        for partition, batch in partitions:
            place, sequence = (topic, partition), batch_producer(batch)[2]
            expected = following.get((producer, place), 0)
            if sequence != expected:
                yield f"{place} has sequence {sequence} instead of {expected}"
            following[producer, place] = (sequence + int.from_bytes(batch[57:61], "big")) % (1 << 31)
