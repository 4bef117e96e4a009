"""Who may be asked: those that accept the lead, less those that are known to be closed."""

from __future__ import annotations

from agents.routing.eligible import SKIPS_MAX, Field, markets_of
from agents.routing.pick import Picks
from agents.routing.rights import ROUTE_MAX, reason_without_pick, routes_of
from agents.status_view import StatusView
from config.plan.compiled import CompiledPlan
from schemas.records import BuyerStatus, Candidate, Slip
from schemas.route import Pool
from streams.stage import Message
from tests.support.leads import TUESDAY_10_PACIFIC_MS as NOW
from tests.support.leads import make_slip
from tests.support.pipeline import CODEC
from tests.support.plans import Seller, market, reference_plan


def view_with(*closed: BuyerStatus) -> StatusView:
    view = StatusView(CODEC)
    for status in closed:
        view.apply(Message("internal.buyer-status", 0, 0, NOW, b"", CODEC.encode(status)))
    return view


def closed(buyer_id: str, reason: str = "BUYER_CAP", until: int = -1) -> BuyerStatus:
    return BuyerStatus(f"{buyer_id}-solar", buyer_id, False, reason, until, NOW - 1)


def field(plan: CompiledPlan, *statuses: BuyerStatus, slip: Slip | None = None, grade: str = "A") -> Field:
    slip = slip or make_slip(1)
    return markets_of(plan)["solar-us"].field(slip.attributes, grade, view_with(*statuses), NOW, test=slip.test)


def asked(found: Field) -> list[str]:
    return [candidate.buyer_id for candidate in found.candidates]


def test_the_reference_plans_prices_for_an_a() -> None:
    found = field(reference_plan())
    assert [(c.buyer_id, c.price_minor, c.price_rule) for c in found.candidates] == [
        ("sunco", 5500, "grade is A: 55.00 USD"),
        ("brightroof", 3800, "38.00 USD"),
        ("homebase", 3000, "grade is one of A, B: 30.00 USD"),
    ]
    assert (found.accepting, found.value_minor, found.skipped) == (3, 5500, ())
    assert [c.contract_id for c in found.lineup.contracts] == [c.contract_id for c in found.candidates]


def test_a_price_follows_the_leads_values() -> None:
    assert [c.price_minor for c in field(reference_plan(), grade="B").candidates] == [4200, 3800, 3000]
    assert [c.price_minor for c in field(reference_plan(), grade="C").candidates] == [3800, 1200]


def test_who_is_known_to_be_closed_is_skipped_with_the_reason_and_still_counts_for_the_value() -> None:
    plan = market(Seller("a", price="90.00"), Seller("b"), Seller("c", accept="{state: [NY]}"))
    found = field(plan, closed("a"))
    assert asked(found) == ["b"]
    assert [(step.buyer_id, step.reason) for step in found.skipped] == [("a", "BUYER_CAP")]
    assert (found.accepting, found.value_minor) == (2, 9000)


def test_who_was_closed_until_now_is_asked() -> None:
    assert asked(field(market(Seller("a")), closed("a", until=NOW))) == ["a"]


def test_a_test_lead_is_free_and_goes_past_caps_but_not_past_closed_doors() -> None:
    plan = market(Seller("a"), Seller("b", tests=True), Seller("c", tests=True))
    found = field(plan, closed("b"), closed("c", "BUYER_PAUSED"), slip=make_slip(1, test=True))
    assert [(c.buyer_id, c.price_minor) for c in found.candidates] == [("b", 0)]
    assert [step.reason for step in found.skipped] == ["TESTS_NOT_ACCEPTED", "BUYER_PAUSED"]
    assert found.value_minor == 0


def test_a_trace_keeps_every_reason_however_many_are_skipped() -> None:
    names = [f"b{number}" for number in range(SKIPS_MAX + 30)]
    statuses = [closed(name) for name in names[:-1]] + [closed(names[-1], "BUYER_PAUSED")]
    found = field(market(*map(Seller, names)), *statuses)
    assert len(found.skipped) == SKIPS_MAX
    assert {step.reason for step in found.skipped} == {"BUYER_CAP", "BUYER_PAUSED"}
    assert reason_without_pick(found) == "MIXED"


def test_a_lead_that_nobody_accepts_has_no_coverage() -> None:
    assert reason_without_pick(field(market(Seller("a", accept="{state: [NY]}")))) == "NO_COVERAGE"


def test_the_same_answer_is_worked_out_once() -> None:
    chosen = markets_of(reference_plan())["solar-us"]
    view = view_with()
    fields = [chosen.field(make_slip(number).attributes, "A", view, NOW, test=False) for number in range(2)]
    assert fields[0].lineup is fields[1].lineup


def test_a_route_is_its_pick_and_then_the_unpicked_and_has_an_end() -> None:
    candidates = [Candidate(f"b{n}", f"c{n}", 100, "rule", "terms") for n in range(80)]
    picks = Picks([7, 3], [n for n in range(80) if n not in (7, 3)], [])
    first, second = routes_of(Pool(candidates), picks)
    assert [candidate.buyer_id for candidate in first[:3]] == ["b7", "b0", "b1"]
    assert [candidate.buyer_id for candidate in second[:3]] == ["b3", "b0", "b1"]
    assert first[1:] == second[1:]
    assert len(first) == ROUTE_MAX
