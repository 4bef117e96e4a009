"""Times that different clocks tell: what may lie within their slack is no finding, what lies beyond it is one."""

from __future__ import annotations

import pytest

from console.audit.auditor import Auditor
from console.audit.findings import Finding, Rule
from console.audit.history import History, replace
from console.audit.planting.sales import first_sale_after, later
from console.audit.slack import USUAL, Slack
from schemas.records import BuyerCommand, LeadScored, LeadSold, PlanVersion
from schemas.topics import OFFERS, PLAN, SCORED, SOLD
from streams.stage import Message
from tests.unit.console.audit.judged import CODEC, judged
from tests.unit.console.audit.world import clean


def findings(history: History) -> list[Finding]:
    return list(judged(history.messages).findings)


def paused_until(history: History, after_ms: int) -> Message:
    """Let the first sale after a resume be one after a pause that ends so long after it; return the sale."""
    resume, command = history.first(OFFERS, BuyerCommand, lambda each: each.action == "resume")
    sold = first_sale_after(history, resume, command)
    history.change(resume, replace(command, action="pause", until=sold.timestamp_ms + after_ms))
    return sold


def test_a_pause_may_have_ended_by_another_clock_that_is_ahead() -> None:
    """The first worker to reach the end of a pause ends it for good; the next owner's clock may be behind."""
    history = History(clean(), CODEC)
    paused_until(history, USUAL.clock_ms)
    assert findings(history) == []


def test_no_clock_that_may_decide_can_have_ended_a_pause_earlier() -> None:
    history = History(clean(), CODEC)
    sold = paused_until(history, USUAL.clock_ms + 1)
    found = findings(history)
    assert {finding.rule for finding in found} == {Rule.PAUSED}
    assert sold[:3] in {finding.at for finding in found}


@pytest.mark.parametrize(
    ("by_ms", "wrong"),
    [(USUAL.clock_ms - 1, False), (USUAL.clock_ms, True), (1 - USUAL.clock_ms, False)],
)
def test_a_decision_is_held_against_the_broker_s_clock(by_ms: int, wrong: bool) -> None:
    history = History(clean(), CODEC)
    message, sale = history.first(SOLD, LeadSold, lambda each: not each.test)
    later(history, message.timestamp_ms - sale.sold_at + by_ms)
    assert [finding.rule for finding in findings(history) if finding.rule == Rule.CLOCK] == [Rule.CLOCK] * wrong


def test_a_decision_may_be_appended_an_epoch_after_its_time_and_no_later() -> None:
    slack = Slack(clock_ms=60, epoch_ms=50)
    assert slack.bounds == (-110, 60)
    assert slack.apart(1_000, 1_000 + 110) == "110 ms earlier than it was appended"
    assert slack.apart(1_000, 1_000 - 60) == "60 ms later than it was appended"


def test_what_waits_in_time_that_passes_faster_is_longer() -> None:
    assert Slack(60, 50, 10).at_rate(1_200) == Slack(72_000, 60_000, 12_000)
    assert Slack(60, 50, 10).at_rate(0.5) == Slack(60, 50, 10)


def test_windows_may_be_those_of_another_clock_that_is_ahead() -> None:
    """One owner has opened the next hour; the next one's clock is a minute behind, and windows never go back."""
    history = History(clean(), CODEC)
    message, sale = history.last(SOLD, LeadSold, lambda each: not each.test)
    hour = 3_600_000 - (message.timestamp_ms - sale.windows.hour_at)
    ahead = [each._replace(timestamp_ms=each.timestamp_ms + hour - 30_000) for each in history.messages]
    assert hour > 60_000
    assert Rule.WINDOWS not in {finding.rule for finding in judged(ahead).findings}


def test_when_a_plan_was_published_is_told_by_the_broker() -> None:
    """The clock of whoever applied it may be wrong; scoring goes by what it has read."""
    history = History(clean(), CODEC)
    message, plan = history.last(PLAN, PlanVersion)
    history.change(message, replace(plan, applied_at=plan.applied_at + 10**9))
    assert findings(history) == []
    assert any(scored.score.scored_at > message.timestamp_ms for _, scored in history.all(SCORED, LeadScored))


def test_an_auditor_may_be_told_of_other_clocks() -> None:
    history = History(clean(), CODEC)
    later(history, 10 * USUAL.clock_ms)
    auditor = Auditor(CODEC, slack=Slack(clock_ms=20 * USUAL.clock_ms))
    found = [finding for message in history.messages for finding in auditor.take(message)] + [*auditor.end().findings]
    assert Rule.CLOCK not in {finding.rule for finding in found}
