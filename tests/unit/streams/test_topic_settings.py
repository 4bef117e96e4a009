"""Topic settings on a cluster whose brokers hear of a new topic one after the other."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from config.kafka import KafkaSettings
from schemas.errors import Unavailable
from schemas.topics import Sizes, spec_of
from streams.kafka import topic_admin
from streams.kafka.topic_admin import TopicAdmin


class LateBroker:
    """Answers that it does not know the topic, `late` times; then with no setting at all."""

    def __init__(self, late: int) -> None:
        self.late = late

    def describe_configs(self, resources: list[Any], request_timeout: float) -> dict[Any, Future[dict[str, Any]]]:
        answers: dict[Any, Future[dict[str, Any]]] = {}
        for resource in resources:
            answers[resource] = Future()
            if self.late > 0:
                answers[resource].set_exception(KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))
            else:
                answers[resource].set_result({})
        self.late -= 1
        return answers


def admin_of(late: int, monkeypatch: pytest.MonkeyPatch) -> TopicAdmin:
    made = TopicAdmin(KafkaSettings("127.0.0.1:1"))
    monkeypatch.setattr(made, "_handle", LateBroker(late))
    monkeypatch.setattr(made, "counts", lambda: {"leads.sold": 8})
    monkeypatch.setattr(topic_admin, "PAUSE_S", 0.0)
    return made


def test_a_broker_that_has_not_heard_of_a_new_topic_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of("leads.sold")
    assert spec is not None
    assert admin_of(2, monkeypatch).differences([spec], Sizes()) == []


def test_a_topic_that_stays_unknown_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of("leads.sold")
    assert spec is not None
    with pytest.raises(Unavailable, match="topic settings"):
        admin_of(1000, monkeypatch).differences([spec], Sizes())
