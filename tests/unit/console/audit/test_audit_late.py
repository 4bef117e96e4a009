"""Leads that come to their end late: overdue for a monitor, or set aside and sent back; none is let off for that."""

from __future__ import annotations

from console.audit.auditor import RETRIED, Auditor
from console.audit.findings import Place, Rule
from console.audit.history import History, replace
from schemas.records import DeadLetter, LeadClosed, LeadSold
from schemas.topics import CLOSED, SOLD, UNIQUE, dead_topic
from streams.stage import Message
from tests.unit.console.audit.judged import CODEC, judged
from tests.unit.console.audit.world import clean


def overdue(history: History, lead_id: str) -> tuple[Auditor, list[Message]]:
    """Return an auditor that has reported a lead as overdue, and what became of it then."""
    late = [
        each for each in history.of_lead(lead_id) if each.topic in (SOLD, CLOSED) or each.topic.startswith("buyers.")
    ]
    auditor = Auditor(CODEC)
    for message in history.messages:
        if message not in late:
            auditor.take(message)
    now_ms = history.messages[-1].timestamp_ms + 1_000
    assert Rule.LEAD_LOST in {finding.rule for finding in auditor.advance(now_ms, 1)}
    assert auditor.advance(now_ms, 1) == ()
    return auditor, late


def test_a_lead_that_is_overdue_is_judged_when_it_has_ended() -> None:
    history = History(clean(), CODEC)
    message, sale = history.first(SOLD, LeadSold, lambda each: not each.test)
    at = history.change(message, replace(sale, payout_minor=sale.payout_minor + 1))
    auditor, late = overdue(history, sale.lead_id)
    found = [finding for each in late for finding in auditor.take(each)]
    assert (Rule.PAYOUT, at) in {(finding.rule, finding.at) for finding in found}


def test_what_was_told_of_an_overdue_lead_is_not_told_again_and_it_is_counted_once() -> None:
    history = History(clean(), CODEC)
    _, fact = history.first(CLOSED, LeadClosed, lambda each: each.sold > 0 and not each.test)
    auditor, late = overdue(history, fact.lead_id)
    closed = auditor.figures.closed
    assert [finding for each in late for finding in auditor.take(each)] == []
    assert auditor.figures.closed == closed + 1
    assert auditor.open_leads == 0


def sent_back(history: History, message: Message) -> None:
    """Let a record have been set aside and sent back."""
    letter = DeadLetter("scoring", *message[:3], message.timestamp_ms, "ERROR", "", 0, message.key, message.value, {})
    again = message._replace(offset=900, timestamp_ms=message.timestamp_ms + 1)
    for offset, record in enumerate((letter, replace(letter, reason=RETRIED, value=None))):
        value = history.encode(record)
        history.put(again._replace(topic=dead_topic(message.topic), offset=offset, value=value))
    history.put(again)


def test_a_lead_that_was_sent_back_may_not_be_lost_then() -> None:
    history = History(clean(), CODEC)
    message, fact = history.first(CLOSED, LeadClosed)
    unique = next(each for each in history.of_lead(fact.lead_id) if each.topic == UNIQUE)
    sent_back(history, unique)
    assert judged(history.messages).findings == ()
    history.drop(message)
    found = judged(history.messages).findings
    assert [(finding.rule, finding.at) for finding in found] == [(Rule.LEAD_LOST, Place(*unique[:3]))]


def test_a_lead_that_was_sent_back_has_as_long_as_any_other() -> None:
    history = History(clean(), CODEC)
    _, fact = history.first(CLOSED, LeadClosed)
    unique = next(each for each in history.of_lead(fact.lead_id) if each.topic == UNIQUE)
    history.drop(*[each for each in history.of_lead(fact.lead_id) if each.topic != UNIQUE])
    sent_back(history, unique._replace(timestamp_ms=unique.timestamp_ms + 60_000))
    auditor, sent_ms = Auditor(CODEC), unique.timestamp_ms + 60_001
    for message in history.messages:
        if message.timestamp_ms <= sent_ms:
            auditor.take(message)
    lost = (Rule.LEAD_LOST, Place(*unique[:3]))
    assert lost not in {finding[:2] for finding in auditor.advance(sent_ms + 300_000, 300_000)}
    assert lost in {finding[:2] for finding in auditor.advance(sent_ms + 300_001, 300_000)}


def test_a_lead_that_was_set_aside_and_sent_back_is_counted_once_by_a_monitor() -> None:
    history = History(clean(), CODEC)
    _, fact = history.first(CLOSED, LeadClosed)
    sent_back(history, next(each for each in history.of_lead(fact.lead_id) if each.topic == UNIQUE))
    closed = judged(clean()).figures.closed
    auditor, now_ms = Auditor(CODEC), history.messages[-1].timestamp_ms + 1_000
    for message in history.messages:
        auditor.take(message)
    for _ in range(3):
        assert auditor.advance(now_ms, 1) == ()
    assert auditor.end().figures.closed == closed
