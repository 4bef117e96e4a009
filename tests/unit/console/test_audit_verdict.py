"""The judge finds each kind of wrong, and nothing wrong in books that are right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import config.plan.samples as samples
from config.plan.canonical import to_json
from config.plan.check import load_plan
from console.audit.evidence import Delivery, Evidence, Received, Unique
from console.audit.limits import Limit, misplaced, terms_of
from console.audit.verdict import Kind, judge
from schemas.records import DeadLetter, LeadSold
from tests.unit.console.facts import NOON, WINDOWS, closed, ms, rejected, sale, unfilled

replace: Callable[..., Any] = msgspec.structs.replace
HOUR = 3_600_000


def plan(day_cap: int, spend: int | None = None) -> str:
    caps = [["leads", "day", day_cap]] + ([["spend", "day", spend]] if spend else [])
    contract = {"id": "sunco-solar", "caps": [], "price": [{"minor": 5500}, {"minor": 4200}]}
    buyer = {"id": "sunco", "time_zone": "America/Los_Angeles", "caps": caps, "contracts": [contract]}
    other = {
        "id": "bright",
        "time_zone": "America/Los_Angeles",
        "caps": [],
        "contracts": [{**contract, "id": "bright-solar"}],
    }
    return json.dumps({"buyers": [buyer, other]})


def delivery(fact: LeadSold) -> Delivery:
    return Delivery(fact.buyer_id, fact.sale_id, fact.lead_id, fact.price_minor, fact.currency, fact.test)


def books(day_cap: int = 2, spend: int | None = None) -> Evidence:
    """Lead 1 is sold twice (to two), lead 2 once, lead 3 to nobody, lead 4 is rejected, lead 5 dead."""
    evidence = Evidence(received={Received(0, offset) for offset in range(1, 6)})
    evidence.unique = [Unique(f"lead-{lead}", Received(0, lead), False) for lead in (1, 2, 3)]
    evidence.rejected = [rejected(4)]
    evidence.dead = [DeadLetter("dedup", "leads.received", 0, 5, NOON, "UNDECODABLE", "", NOON, b"k", b"v", {})]
    evidence.sold = [sale(1), sale(1, 1, "bright"), sale(2)]
    evidence.unfilled = [unfilled(2), unfilled(3, 0), unfilled(3, 1)]
    evidence.closed = [closed(1, 2), closed(2, 1), closed(3, 0)]
    evidence.delivered = [delivery(fact) for fact in evidence.sold]
    evidence.terms = {1: terms_of(plan(day_cap, spend))}
    return evidence


def found(evidence: Evidence) -> set[Kind]:
    return {finding.kind for finding in judge(evidence).findings}


def test_right_books_have_no_finding_and_the_cap_is_exactly_full() -> None:
    verdict = judge(books())
    assert verdict.good
    assert str(verdict) == "0 lost, 0 sold twice, 0 over cap, 1 cap exactly full"
    (fill,) = verdict.fills
    assert (fill.buyer_id, fill.used, fill.limit, fill.full) == ("sunco", 2, Limit("leads", "day", 2), True)


def test_a_cap_with_room_is_not_full() -> None:
    assert judge(books(day_cap=3)).caps_full == 0


@pytest.mark.parametrize(("spend", "full"), [(8400, 2), (8400 + 4199, 2), (8400 + 4200, 1)])
def test_a_budget_is_full_when_its_rest_buys_nothing(spend: int, full: int) -> None:
    assert judge(books(spend=spend)).caps_full == full


def test_terms_are_read_from_a_plan_as_it_is_published() -> None:
    demo = load_plan(Path(next(iter(samples.__path__))) / "demo.yaml")
    terms = terms_of(to_json(demo))
    assert set(terms) == {buyer.id for buyer in demo.buyers}
    assert terms["sunco"].limits == {
        "": (Limit("leads", "day", 50), Limit("leads", "month", 900)),
        "sunco-solar": (Limit("leads", "day", 40),),
    }
    assert terms["empire"].limits[""] == (Limit("spend", "day", 400_000),)
    assert (terms["sunco"].time_zone, terms["sunco"].lowest["sunco-solar"]) == ("America/Los_Angeles", 4200)


def test_empty_books_are_right() -> None:
    assert judge(Evidence()).good


Breaker = Callable[[Evidence], None]


def _drop(name: str, index: int = 0) -> Breaker:
    return lambda evidence: getattr(evidence, name).pop(index)


def _again(name: str, index: int = 0) -> Breaker:
    return lambda evidence: getattr(evidence, name).append(getattr(evidence, name)[index])


def _change(name: str, at: int = 0, /, **values: Any) -> Breaker:
    def change(evidence: Evidence) -> None:
        facts = getattr(evidence, name)
        old = facts[at]
        facts[at] = old._replace(**values) if isinstance(old, Delivery) else replace(old, **values)

    return change


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (_drop("rejected"), "lost"),
        (_drop("dead"), "lost"),
        (_drop("unique"), "lost"),
        (_drop("closed"), "lost"),
        (_drop("sold"), "lost"),
        (_drop("unfilled"), "lost"),
        (_drop("delivered"), "lost"),
        (_again("sold"), "sold twice"),
        (_again("delivered"), "sold twice"),
        (_change("sold", 1, buyer_id="sunco", contract_id="sunco-solar"), "sold twice"),
        (_change("unfilled", 0, index=0), "sold twice"),
        (_change("sold", 1, index=2), "sold twice"),
        (_again("rejected"), "books disagree"),
        (_again("unique"), "books disagree"),
        (_again("closed"), "books disagree"),
        (_again("unfilled"), "books disagree"),
        (_change("delivered", price_minor=1), "books disagree"),
        (_change("delivered", sale_id="nobody's"), "books disagree"),
        (_change("closed", revenue_minor=1), "books disagree"),
        (_change("closed", payout_minor=2800), "books disagree"),
        (_change("closed", 2, reason="SOLD"), "books disagree"),
        (_change("sold", sold_at=NOON + 2 * HOUR), "books disagree"),
        (_change("sold", buyer_plan_version=9), "books disagree"),
    ],
)
def test_each_wrong_is_found(broken: Breaker, kind: Kind) -> None:
    evidence = books()
    broken(evidence)
    assert kind in found(evidence)


def test_one_sale_over_the_cap_is_found() -> None:
    assert found(books(day_cap=1)) == {"over cap"}


def test_a_cap_lowered_later_takes_nothing_back_but_holds_from_then_on() -> None:
    evidence = books(day_cap=2)
    evidence.terms[2] = terms_of(plan(day_cap=1))
    assert judge(evidence).good
    evidence.sold[2] = replace(evidence.sold[2], buyer_plan_version=2)
    assert found(evidence) == {"over cap"}


def test_test_leads_count_nowhere() -> None:
    evidence = books(day_cap=1)
    evidence.sold[2] = replace(evidence.sold[2], test=True)
    evidence.delivered[2] = evidence.delivered[2]._replace(test=True)
    assert found(evidence) == set()


def test_a_repeat_that_routing_found_is_no_second_end() -> None:
    evidence = books()
    evidence.received.add(Received(0, 6))
    evidence.unique.append(Unique("lead-1", Received(0, 6), False))
    evidence.rejected.append(rejected(6, "REPEAT", "routing", "lead-1"))
    assert judge(evidence).good


@pytest.mark.parametrize(
    ("window", "start"),
    [
        ("hour_at", "2026-06-02T11:00:00-07:00"),
        ("day_at", "2026-06-01T00:00:00-07:00"),
        ("day_at", "2026-06-02T01:00:00-07:00"),
        ("week_at", "2026-06-02T00:00:00-07:00"),
        ("week_at", "2026-05-25T00:00:00-07:00"),
        ("month_at", "2026-05-01T00:00:00-07:00"),
    ],
)
def test_a_sale_in_a_wrong_window_is_named(window: str, start: str) -> None:
    wrong = replace(sale(1), windows=replace(WINDOWS, **{window: ms(start)}))
    assert misplaced(wrong, 0) == window.removesuffix("_at")


def test_the_right_windows_pass_also_when_the_clock_jumped_back_a_little() -> None:
    assert misplaced(sale(1), 0) is None
    assert misplaced(replace(sale(1), sold_at=WINDOWS.hour_at - 2_000), 0) is None
