"""Each kind of violation, planted into clean topics by hand, is found by its rule, which names the planted record."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from console.audit.findings import RULES, Place, Rule
from console.audit.history import History, replace
from console.audit.intake import sale_id_of
from console.audit.planting import VIOLATIONS, Violation
from console.audit.verdict import Verdict
from schemas.records import LeadSold, RightUnfilled
from schemas.topics import SOLD, UNFILLED
from streams.stage import Message
from tests.support.plans import Seller, market
from tests.unit.console.audit.judged import CODEC, judged, shuffled
from tests.unit.console.audit.world import World, clean

WINDOWS = ("hour", "day", "week", "month", "total")


def names(verdict: Verdict, rule: Rule, at: Place) -> bool:
    return any(finding.rule == rule and finding.at == at for finding in verdict.findings)


@pytest.mark.parametrize("planted", VIOLATIONS, ids=lambda violation: violation.name.replace(" ", "-"))
def test_what_is_planted_is_found(planted: Violation) -> None:
    history = History(clean(), CODEC)
    at = planted.plant(history)
    verdict = judged(history.messages)
    assert names(verdict, planted.rule, at), [str(finding) for finding in verdict.findings[:10]]
    # Of two that belong together the auditor names the one that it reads second.
    assert planted.rule in {finding.rule for finding in judged(shuffled(history.messages, 1)).findings}


def test_every_rule_but_caps_and_routing_repeats_has_its_plantings() -> None:
    assert len(VIOLATIONS) >= 40
    assert set(RULES) - {violation.rule for violation in VIOLATIONS} == {Rule.CAP}  # planted below, in each window


@cache
def full(caps: str, contract_caps: str) -> tuple[Message, ...]:
    """Return a market in which one buyer's cap is full and further leads go unsold."""
    world = World(4)
    world.apply(market(Seller("a", price="10.00", caps=caps, contract_caps=contract_caps)))
    for number in range(6):
        world.receive(number)
    world.settle()
    messages = world.messages()
    assert judged(messages).findings == ()
    assert judged(messages).caps_full == 1
    return tuple(messages)


def kinds() -> Iterator[tuple[str, str, str]]:
    for holder in ("buyer", "contract"):
        for measure in ("leads", "spend"):
            for window in WINDOWS:
                yield holder, measure, window


@pytest.mark.parametrize("honest", [True, False], ids=["written-down", "hidden"])
@pytest.mark.parametrize(("holder", "measure", "window"), list(kinds()))
def test_a_sale_over_a_cap_is_found(holder: str, measure: str, window: str, honest: bool) -> None:
    limit = "4" if measure == "leads" else "40.00"
    caps = f"{{{measure}: {{{window}: {limit}}}}}"
    history = History(full(*((caps, "unlimited") if holder == "buyer" else ("unlimited", caps))), CODEC)
    at = sell_one_more(history, honest=honest)
    verdict = judged(history.messages)
    findings = [finding for finding in verdict.findings if finding.rule == Rule.CAP]
    assert {finding.at for finding in findings} == {at}
    assert any(f"{holder}/" in finding.expected and f"a {window}" in finding.expected for finding in findings)


def sell_one_more(history: History, *, honest: bool) -> Place:
    """Sell the first right that went unsold to the buyer that was full; `honest`: its caps say so."""
    message, end = history.first(UNFILLED, RightUnfilled)
    _, sale = history.last(SOLD, LeadSold)
    number = sale_id_of(end.lead_id, end.leg, end.round, end.index, sale.buyer_id)
    step = sale.caps[0].after - sale.caps[0].before
    caps = tuple(replace(use, before=use.after, after=use.after + step) for use in sale.caps) if honest else sale.caps
    _, lead = history.delivery(sale)
    more = replace(
        sale,
        lead_id=end.lead_id,
        sale_id=number,
        caps=caps,
        received_partition=end.received_partition,
        received_offset=end.received_offset,
    )
    history.drop(message)
    history.add(f"buyers.{sale.buyer_id}.leads", replace(lead, lead_id=end.lead_id, sale_id=number), end.lead_id)
    return history.add(SOLD, more, end.lead_id)


def test_a_finding_names_its_rule_its_record_and_what_was_expected() -> None:
    history = History(clean(), CODEC)
    at = next(each for each in VIOLATIONS if each.rule == Rule.CLOSING).plant(history)
    (finding,) = judged(history.messages).findings
    assert str(finding).startswith(f"closing: {at}: revenue_minor of lead ")
    assert finding.as_json()["offset"] == at.offset
    assert "expected" in finding.what
