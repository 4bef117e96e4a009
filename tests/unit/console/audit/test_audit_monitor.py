"""Following: leads on their way are no finding until they are overdue, and what appears is told as it appears."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping

from console.audit.auditor import Auditor
from console.audit.findings import RULES, Finding, Rule
from console.audit.history import History
from console.audit.metrics import AUDIT_CATALOGUE, RULE_NAMES, Watched, served
from console.audit.monitor import SLACK_MS, Monitor
from console.audit.planting import VIOLATIONS
from console.audit.topics import Window
from schemas.records import LeadClosed
from schemas.topics import CLOSED, RECEIVED
from streams.stage import Message, TopicPartition
from tests.unit.console.audit.judged import CODEC
from tests.unit.console.audit.shelf import Shelf
from tests.unit.console.audit.world import clean

MINUTE_MS = 60_000


class Stream(Shelf):
    """A shelf onto which the rest of the records comes while it is followed, a few at a time, by their time."""

    def __init__(self, messages: list[Message], split: int) -> None:
        super().__init__(messages[:split])
        self.rest = messages[split:]
        self.now_ms = messages[split - 1].timestamp_ms

    def follow(self, starts: Mapping[TopicPartition, int]) -> Iterator[list[Message]]:
        while self.rest:
            chunk, self.rest = self.rest[:40], self.rest[40:]
            for message in chunk:
                self.logs[TopicPartition(message.topic, message.partition)].append(message)
            self.now_ms = chunk[-1].timestamp_ms
            yield [m for m in chunk if m.offset >= starts.get(TopicPartition(m.topic, m.partition), 0)]
        while True:
            self.now_ms += MINUTE_MS
            yield []


def follow(
    messages: list[Message], split: int, window: Window, overdue_ms: int = MINUTE_MS
) -> tuple[list[Finding], Watched]:
    """Follow until an hour after the last record; return what was found, and the numbers."""
    stream = Stream(messages, split)
    monitor = Monitor(stream, CODEC, Auditor, lambda: stream.now_ms + SLACK_MS, overdue_ms)
    found: list[Finding] = []
    end_ms = messages[-1].timestamp_ms + 60 * MINUTE_MS
    for findings in monitor.run(window):
        found += findings
        if stream.now_ms > end_ms:
            break
    return found, monitor.watched()


#: What was there before, of some 700 records.
SPLIT = 250


def ordered() -> list[Message]:
    return list(clean())


def test_leads_on_their_way_are_no_finding_and_all_are_judged_in_the_end() -> None:
    found, numbers = follow(ordered(), SPLIT, Window())
    assert found == []
    closed = [message for message in clean() if message.topic == CLOSED]
    assert (numbers.leads, numbers.open, numbers.lag) == (len(closed), 0, 0)


def test_it_may_begin_in_the_middle_of_the_traffic() -> None:
    at = [message for message in clean() if message.topic == RECEIVED][14].timestamp_ms
    found, numbers = follow(ordered(), SPLIT, Window(from_ms=at))
    assert found == []
    assert 0 < numbers.leads < len([message for message in clean() if message.topic == CLOSED])


def test_a_lost_lead_is_told_once_when_it_is_overdue() -> None:
    history = History(clean(), CODEC)
    message, fact = history.last(CLOSED, LeadClosed)
    history.drop(message)
    found, numbers = follow(history.messages, SPLIT, Window())
    assert [finding.rule for finding in found] == [Rule.LEAD_LOST]
    assert fact.lead_id in found[0].subject
    assert numbers.open == 1
    late, _ = follow(history.messages, SPLIT, Window(), overdue_ms=24 * 60 * MINUTE_MS)
    assert late == []


def test_what_is_planted_is_told_while_it_follows() -> None:
    for name in ("a copied sale", "a wrong price", "a lead that is closed twice", "a received record without an end"):
        planted = next(each for each in VIOLATIONS if each.name == name)
        history = History(clean(), CODEC)
        at = planted.plant(history)
        found, numbers = follow(history.messages, SPLIT, Window())
        assert any(finding.rule == planted.rule and finding.at == at for finding in found), name
        assert numbers.findings[planted.rule] >= 1


def test_the_numbers_are_served_with_a_series_for_each_rule() -> None:
    watched = Watched({Rule.CAP: 2}, records=70, leads=10, open=3, lag=5)
    with (
        served(lambda: watched, "127.0.0.1", 0) as port,
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer,
    ):
        text = answer.read().decode()
    assert 'leadflow_audit_findings_total{rule="cap"} 2.0' in text
    assert text.count("leadflow_audit_findings_total{") == len(RULES) == len(RULE_NAMES)
    for spec in AUDIT_CATALOGUE:
        assert f"# HELP {spec.name}" in text
    assert "leadflow_audit_leads_open 3.0" in text
