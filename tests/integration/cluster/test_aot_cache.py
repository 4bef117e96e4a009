"""Java's cache: learnt at one clean stop, used from then on, and never in the way when it is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.cluster.kafka import EXIT_CLEAN, KafkaServer

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


def test_a_broker_learns_once_and_starts_with_it_or_without_it(
    kafka_jars: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADFLOW_CACHE", str(tmp_path / "cache"))
    first = KafkaServer(tmp_path / "first", kafka_jars, learn=True)
    first.start()
    assert first.stop() == EXIT_CLEAN
    (learnt,) = (tmp_path / "cache" / "kafka").glob("*.aot")
    assert list((tmp_path / "cache" / "kafka").glob("*.part")) == []

    second = KafkaServer(tmp_path / "second", kafka_jars, learn=True)
    second.start()
    assert second.stop() == EXIT_CLEAN

    learnt.write_bytes(learnt.read_bytes()[: 1 << 20])
    third = KafkaServer(tmp_path / "third", kafka_jars)
    third.start()
    assert third.stop() == EXIT_CLEAN
