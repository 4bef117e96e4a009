"""Topics that a worker can do without: left out while they are forbidden or hidden, said once, and taken up again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from streams.kafka.admin import ClusterWatch

ALLOWED, SEEN = (0, True), (0, False)
HIDDEN = (KafkaError.TOPIC_AUTHORIZATION_FAILED, False)
ABSENT = (KafkaError.UNKNOWN_TOPIC_OR_PART, False)


class Cluster:
    """What a cluster says of topics, and a watch that asks it."""

    def __init__(self, **says: tuple[int, bool]) -> None:
        self.says = dict(says)
        self.asked: list[list[str]] = []
        admin: Any = SimpleNamespace(
            partition_counts=lambda: {topic: 1 for topic, (error, _) in self.says.items() if not error},
            described=self._described,
            full=lambda topic: f"acme.{topic}",
        )
        self.watch = ClusterWatch(admin, None)
        self.watch.refresh()

    def _described(self, topics: list[str]) -> dict[str, tuple[int, bool]]:
        self.asked.append(sorted(topics))
        return {topic: self.says[topic] for topic in topics}

    def look(self) -> None:
        """Do what the watch's thread does now and then."""
        self.watch.refresh()
        self.watch._look_whether_allowed()


def test_what_may_not_be_written_is_left_out_and_said_once_until_it_may(caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster(mine=SEEN, other=ALLOWED)
    assert cluster.watch.takes("mine")
    assert cluster.watch.takes("other")
    assert cluster.watch.forbid({"mine"})
    assert not cluster.watch.takes("mine")
    assert cluster.watch.takes("other")
    for _ in range(2):
        cluster.look()
    assert cluster.asked[-1] == ["mine"]
    assert caplog.text.count("Kafka refuses us Write on topic acme.mine:") == 1
    cluster.says["mine"] = ALLOWED
    cluster.look()
    assert cluster.watch.takes("mine")
    assert "topic mine may be written to again" in caplog.text


def test_a_topic_that_is_hidden_is_told_from_one_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster(hidden=HIDDEN, absent=ABSENT)
    assert not cluster.watch.takes("hidden")
    assert not cluster.watch.takes("absent")
    cluster.look()
    assert "acme.hidden" in caplog.text
    assert "absent" not in caplog.text
    cluster.says |= {"hidden": ALLOWED, "absent": ALLOWED}
    cluster.look()
    assert cluster.watch.takes("hidden")
    assert cluster.watch.takes("absent")


def test_what_work_cannot_go_on_without_is_not_left_out(caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster(mine=SEEN, needed=SEEN)
    assert cluster.watch.takes("mine")
    assert not cluster.watch.forbid({"mine", "needed"})
    assert cluster.watch.takes("mine")
    assert caplog.text == ""
