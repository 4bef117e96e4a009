"""Makes topics as the catalogue says, finds where the cluster differs, and lets the group begin at offset 0.

The group's reset policy is `error`: nothing is ever resold because offsets expired. So a source topic gets its
first offset here, once, when it is made or still empty; a position that is there is never touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka import TopicPartition as RawPartition
from confluent_kafka import admin as _admin

from config.kafka import KafkaSettings, admin_options
from schemas.errors import NeedsPerson, Unavailable
from schemas.topics import Sizes, TopicSpec
from streams.kafka.admin import KafkaAdmin
from streams.kafka.errors import log, unavailable
from streams.kafka.group_offsets import GroupOffsets
from streams.kafka.permissions import GROUP, READ, TOPIC
from streams.kafka.records import Names
from streams.stage import TopicPartition

T = TypeVar("T")

#: Its page names what follows, its type stubs do not.
admin: Any = _admin

REQUEST_TIMEOUT_S = 10.0
SEEN_TIMEOUT_S = 15.0
ATTEMPTS = 20
PAUSE_S = 0.25

#: A broker that has just started, or has not heard of a new topic from the controller yet, answers so for a moment.
_PASSING = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_CONTROLLER,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.FENCED_LEADER_EPOCH,
    }
)

#: The group has members: they hold its offsets, and nobody else may set them.
_IN_USE = frozenset({KafkaError.UNKNOWN_MEMBER_ID, KafkaError.NON_EMPTY_GROUP, KafkaError.GROUP_SUBSCRIBED_TO_TOPIC})


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a topic is not as the catalogue says. `setting` is "" when the topic is missing."""

    topic: str
    setting: str
    wanted: str
    found: str
    remedy: str

    def __str__(self) -> str:
        what = f"{self.setting} is {self.found}, should be {self.wanted}" if self.setting else "is missing"
        return f"{self.topic}: {what}; {self.remedy}"


class TopicAdmin:
    """One admin connection; each call waits at most some seconds. Raises Unavailable, NeedsPerson."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._names = Names(settings.prefix)
        self._handle = admin.AdminClient(admin_options(settings), logger=log)
        self._offsets = KafkaAdmin(settings, self._names)
        self._of_group = {GROUP: (settings.group_id,)}
        #: Topics that were made here, or were there when they were to be.
        self._seen: set[str] = set()

    def create(self, specs: Iterable[TopicSpec], sizes: Sizes) -> list[str]:
        """Make the topics that are not there, wait until they are seen, begin the group at 0; return the new names.

        Safe to repeat and from two processes at once. What exists is left as it is: `differences` compares it.
        """
        wanted = list(specs)
        created = self._make(wanted, sizes)
        names = {spec.name for spec in wanted}
        _until(lambda: names <= self.counts().keys(), "the new topics to be seen")
        self._seen |= names
        self.begin_at_zero(wanted, fresh=created)
        return created

    def counts(self) -> dict[str, int]:
        """Return the number of partitions of every topic of our prefix, by name without prefix."""
        return self._offsets.partition_counts()

    def differences(self, specs: Iterable[TopicSpec], sizes: Sizes) -> list[Difference]:
        """Compare the cluster with the catalogue: missing topics, counts, settings; [] when all is as it should be."""
        counts = self._counts_of_all()
        wanted = list(specs)
        found = self._configs([spec.name for spec in wanted if spec.name in counts])
        return [
            difference
            for spec in wanted
            for difference in compare(spec, sizes, counts.get(spec.name), found.get(spec.name, {}))
        ]

    def mend(self, differences: Iterable[Difference]) -> None:
        """Set the settings that differ; missing topics and partition counts are not touched."""
        by_topic: dict[str, list[Difference]] = {}
        for each in differences:
            if each.setting and each.setting != "partitions":
                by_topic.setdefault(each.topic, []).append(each)
        resources = [self._resource(topic, entries) for topic, entries in by_topic.items()]
        if resources:
            names = {TOPIC: [resource.name for resource in resources]}
            with unavailable("topic settings", "AlterConfigs", names):
                _wait(self._handle.incremental_alter_configs(resources, request_timeout=REQUEST_TIMEOUT_S))

    def begin_at_zero(self, specs: Iterable[TopicSpec], fresh: Sequence[str] = ()) -> list[TopicPartition]:
        """Commit offset 0 for source partitions that have none and are `fresh` or empty; return them.

        Raises NeedsPerson when the group has members: they would have to be stopped first.
        """
        counts = self._counts_of_all()
        sources = [
            TopicPartition(spec.name, number)
            for spec in specs
            if spec.source
            for number in range(counts.get(spec.name, 0))
        ]
        without = self._without_offset(sources)
        bounds = _patiently(lambda: self._offsets.log_bounds(without))
        chosen = [p for p in without if p.topic in fresh or bounds[p] == (0, 0)]
        if chosen:
            self._commit_zero(chosen)
        return chosen

    def _counts_of_all(self) -> dict[str, int]:
        """Return the answer of a broker that has heard of all topics made here: of several, one may do so later.

        Of one that is gone again, the last answer after some seconds.
        """
        deadline = time.monotonic() + SEEN_TIMEOUT_S
        while not self._seen <= (counts := self.counts()).keys() and time.monotonic() < deadline:
            time.sleep(PAUSE_S / 5)
        return counts

    def _make(self, specs: Sequence[TopicSpec], sizes: Sizes) -> list[str]:
        there = _patiently(self.counts)
        missing = [spec for spec in specs if spec.name not in there]
        if not missing:
            return []
        new = [
            admin.NewTopic(
                self._names.full(spec.name),
                num_partitions=spec.partitions(sizes),
                replication_factor=sizes.replication,
                config=spec.settings(sizes),
            )
            for spec in missing
        ]
        futures = self._handle.create_topics(new, request_timeout=REQUEST_TIMEOUT_S)
        return [spec.name for spec in missing if self._made(spec, sizes, futures[self._names.full(spec.name)])]

    def _made(self, spec: TopicSpec, sizes: Sizes, future: Future[None]) -> bool:
        """Whether we made it; False: another process was faster."""
        try:
            future.result(2 * REQUEST_TIMEOUT_S)
        except KafkaException as problem:
            error: KafkaError = problem.args[0]
            if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            if error.code() == KafkaError.INVALID_REPLICATION_FACTOR:
                raise NeedsPerson(
                    f"topic {spec.name} cannot have {sizes.replication} copies: {error.str()}; "
                    "start more brokers or lower LEADFLOW_REPLICATION"
                ) from None
            with unavailable(f"topic {spec.name}", "Create", {TOPIC: (self._names.full(spec.name),)}):
                raise
        return True

    def _without_offset(self, partitions: Sequence[TopicPartition]) -> list[TopicPartition]:
        if not partitions:
            return []
        raws = [self._raw(p) for p in partitions]
        with closing(GroupOffsets({**admin_options(self._settings), "logger": log}, self._settings.group_id)) as group:
            answer = _patiently(lambda: group.committed(raws, REQUEST_TIMEOUT_S), names=self._of_group)
        committed = {(raw.topic, raw.partition) for raw in answer if raw.offset >= 0}
        return [p for p in partitions if (self._names.full(p.topic), p.partition) not in committed]

    def _commit_zero(self, partitions: Sequence[TopicPartition]) -> None:
        request = ConsumerGroupTopicPartitions(self._settings.group_id, [self._raw(p, 0) for p in partitions])

        def ask() -> Any:
            asked = self._handle.alter_consumer_group_offsets([request], request_timeout=REQUEST_TIMEOUT_S)
            (answer,) = _wait(asked)
            for raw in answer.topic_partitions:
                if raw.error is not None and raw.error.code() in _PASSING:
                    raise KafkaException(raw.error)  # a coordinator that has moved is told of each partition
            return answer

        for raw in _patiently(ask, names=self._of_group).topic_partitions:
            if raw.error is not None:
                with unavailable("first offsets", READ, {**self._of_group, TOPIC: (raw.topic,)}):
                    raise KafkaException(raw.error)

    def _configs(self, topics: Sequence[str]) -> dict[str, dict[str, str]]:
        if not topics:
            return {}
        resources = [admin.ConfigResource(admin.ResourceType.TOPIC, self._names.full(topic)) for topic in topics]

        def ask() -> dict[str, Any]:
            futures = self._handle.describe_configs(resources, request_timeout=REQUEST_TIMEOUT_S)
            return {resource.name: future.result(2 * REQUEST_TIMEOUT_S) for resource, future in futures.items()}

        names = {TOPIC: [resource.name for resource in resources]}
        answers = _patiently(ask, "topic settings", "DescribeConfigs", names)
        return {
            self._names.plain(name): {key: str(entry.value) for key, entry in entries.items()}
            for name, entries in answers.items()
        }

    def _resource(self, topic: str, differences: Iterable[Difference]) -> Any:
        entries = [
            admin.ConfigEntry(each.setting, each.wanted, incremental_operation=admin.AlterConfigOpType.SET)
            for each in differences
        ]
        return admin.ConfigResource(admin.ResourceType.TOPIC, self._names.full(topic), incremental_configs=entries)

    def _raw(self, partition: TopicPartition, offset: int | None = None) -> RawPartition:
        name = self._names.full(partition.topic)
        return (
            RawPartition(name, partition.partition)
            if offset is None
            else RawPartition(name, partition.partition, offset)
        )


def compare(spec: TopicSpec, sizes: Sizes, count: int | None, found: Mapping[str, str]) -> list[Difference]:
    """Return where a topic differs from its description; `count` None: it is not there."""
    if count is None:
        return [Difference(spec.name, "", "", "", "make it with `leadflow topics create`")]
    differences = []
    if count != spec.partitions(sizes):
        differences.append(
            Difference(
                spec.name,
                "partitions",
                str(spec.partitions(sizes)),
                str(count),
                "counts never change: set LEADFLOW_LEAD_PARTITIONS / LEADFLOW_BUYER_PARTITIONS to what is there",
            )
        )
    for key, wanted in spec.settings(sizes).items():
        if key in found and found[key] != wanted:
            differences.append(
                Difference(spec.name, key, wanted, found[key], "mend it with `leadflow topics create --mend`")
            )
    return differences


def _wait(futures: Mapping[Any, Future[T]]) -> list[T]:
    return [future.result(2 * REQUEST_TIMEOUT_S) for future in futures.values()]


def _patiently(
    ask: Callable[[], T],
    doing: str = "the consumer group's offsets",
    operation: str = READ,
    names: Mapping[int, Iterable[str]] = MappingProxyType({}),
) -> T:
    """Ask again while a broker is only just coming up or has not heard of a topic. Raises Unavailable, NeedsPerson.

    `doing`, `operation` and `names` as for `unavailable`.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return ask()
        except KafkaException as problem:
            error: KafkaError = problem.args[0]
            if error.code() in _IN_USE:
                raise NeedsPerson(
                    f"the consumer group has running members ({error.name()}); stop the workers before topics are made"
                ) from None
            if error.code() not in _PASSING or attempt == ATTEMPTS:
                with unavailable(doing, operation, names):
                    raise
        except Unavailable:
            if attempt == ATTEMPTS:
                raise
        time.sleep(PAUSE_S)
    raise AssertionError("unreachable")


def _until(holds: Callable[[], bool], what: str) -> None:
    """Wait until it holds, at most SEEN_TIMEOUT_S. Raises Unavailable."""
    deadline = time.monotonic() + SEEN_TIMEOUT_S
    while not holds():
        if time.monotonic() > deadline:
            raise Unavailable(f"waited {SEEN_TIMEOUT_S:g} s for {what}")
        time.sleep(PAUSE_S / 5)
