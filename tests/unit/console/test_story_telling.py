"""A lead's story in words: everything that is known, in order; persons masked; to a buyer only what is its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import config.plan.samples as samples
from config.plan.check import load_plan
from config.plan.compiled import compile_plan
from console.story.gathering import NotFound, Place, Placed, Story
from console.story.telling import Section, tell, tell_buyer
from schemas.reasons import Reason
from schemas.records import (
    BuyerLead,
    CapUse,
    DeadLetter,
    Fault,
    Lead,
    LeadReceived,
    LeadScored,
    LeadUnique,
    Points,
    Score,
    Slip,
    Step,
)
from streams.stage import TopicPartition
from tests.support.plans import Seller, market
from tests.unit.console.facts import NOON, closed, rejected, sale, unfilled

replace: Callable[..., Any] = msgspec.structs.replace
PLAN = compile_plan(load_plan(Path(next(iter(samples.__path__))) / "demo.yaml"), 1)
PERSON = Lead(first_name="James", last_name="Butterfield", email="james@example.org", phone="+15045550127", state="CA")
RECEIVED = LeadReceived(
    "F00001",
    "solar-us",
    "acme-forms",
    NOON - 500,
    first_name="James",
    email="james@example.org",
    trustedform_cert_url="https://cert.trustedform.com/abc",
    sub_ids=("ad-7",),
)
SLIP = Slip(
    lead_id="lead-1",
    campaign_id="solar-us",
    supplier_id="acme-forms",
    supplier_lead_id="F00001",
    test=False,
    submitted_at=NOON - 500,
    received_at=NOON,
    received_partition=3,
    received_offset=118,
    unique_at=NOON + 10,
    sell_by=NOON + 3_600_000,
    plan_version=1,
    email_hash="",
    phone_hash="",
    attributes={"state": "CA", "owns_home": "true", "monthly_bill": "220"},
    private={},
    notes=("postal_code: leading zeros put back",),
)
SCORE = Score(90, "A", (Points("owner", 40), Points("big_bill", 30), Points("sunbelt", 20)), NOON + 20)


def story() -> Story:
    """Sold to sunco (38 -> 39 of 40) after brightroof's cap was full; the other right found nobody."""
    full = Step("brightroof", "brightroof-solar", NOON + 30, Reason.BUYER_CAP, "day: 150 of 150")
    fact = replace(
        sale(1),
        trace=(full,),
        price_minor=5500,
        price_rule="grade is A: 55.00 USD",
        caps=(CapUse("contract", "leads", "day", NOON, 38, 39, 40),),
    )
    delivery = BuyerLead("lead-1", fact.sale_id, NOON, 5500, "USD", False, PERSON)
    return Story(
        "lead-1",
        received={Place(3, 118): Placed(RECEIVED, TopicPartition("leads.received", 3), 118, NOON)},
        unique=LeadUnique(SLIP, PERSON),
        scored=LeadScored(SLIP, SCORE, PERSON),
        sold=[fact],
        unfilled=[unfilled(1)],
        closed=replace(closed(1, 1), revenue_minor=5500),
        deliveries={fact.sale_id: Placed(delivery, TopicPartition("buyers.sunco.leads", 0), 38, NOON)},
        plans={1: PLAN},
    )


def with_accept(accept: str) -> Story:
    """Of grade A, from CA, bill 220; the one contract of the plan, of the buyer north, accepts other ones."""
    plan = market(Seller("north", accept=accept))
    return Story("lead-1", unique=LeadUnique(SLIP, PERSON), scored=LeadScored(SLIP, SCORE, PERSON), plans={1: plan})


def text(sections: list[Section]) -> str:
    return "\n".join([section.title + "\n" + "\n".join(map(" ".join, section.lines)) for section in sections])


@pytest.mark.parametrize(
    "line",
    [
        "received 2026-06-02 19:30:00.000Z  leads.received-3@118",
        "supplier acme-forms, its id F00001",
        "submitted 2026-06-02 19:29:59.500Z",
        "sub ids ad-7",
        "consent https://cert.trustedform.com/***",
        "when 2026-06-02 19:30:00.010Z, plan 1",
        "mended postal_code: leading zeros put back",
        "dedupe no lead with the same email or phone within 30 days",
        "grade A, 90 points",
        "owner +40",
        "sunco-solar accepts, would pay 55.00 USD (grade is A)",
        "lakes-solar FILTERED: wants state is one of IL, IN, MI, MN, OH, WI; got CA",
        "brightroof-solar 2026-06-02 19:30:00.030Z (Tue 15:30:00 EDT) BUYER_CAP: day: 150 of 150",
        "right 1 of 2: sold to sunco",
        "when 2026-06-02 19:30:00.000Z (Tue 12:30:00 PDT)",
        "price 55.00 USD (grade is A)",
        "cap contract, leads a day: 38 -> 39 of 40",
        "record buyers.sunco.leads-0@38",
        "right 2 of 2: no buyer, NO_BUYERS",
        "why no further buyer was left: fewer contracts accept it than it may be sold to",
        "closed: SOLD, sold 1 of 2",
        "revenue 55.00 USD",
        "payout 14.00 USD",
        "margin 41.00 USD",
    ],
)
def test_the_whole_story_says(line: str) -> None:
    assert line in text(tell(story()))


def test_persons_are_masked_unless_asked() -> None:
    for name in ("James", "Butterfield", "james@", "5550127"):
        assert name not in text(tell(story()))
        assert name not in text(tell_buyer(story(), "sunco"))
    assert "Butterfield" in text(tell(story(), unmask=True))
    assert "Butterfield" in text(tell_buyer(story(), "sunco", unmask=True))


def test_a_buyer_sees_its_own_sale_and_nothing_else() -> None:
    said = text(tell_buyer(story(), "sunco"))
    for line in ("price 55.00 USD", "cap contract, leads a day: 38 -> 39 of 40", "record buyers.sunco.leads-0@38"):
        assert line in said
    for secret in ("acme", "F00001", "ad-7", "90", "owner", "14.00", "41.00", "brightroof", "margin", "payout"):
        assert secret not in said
    assert "grade" not in said  # not by the rule of the price either
    other = story()
    other.sold = [replace(other.sold[0], price_rule="state is CA: 55.00 USD")]
    assert "price 55.00 USD (state is CA)" in text(tell_buyer(other, "sunco"))


def test_a_buyer_that_did_not_buy_sees_its_own_reason_only() -> None:
    said = text(tell_buyer(story(), "brightroof"))
    assert "BUYER_CAP: day: 150 of 150" in said
    assert "sunco" not in said
    said = text(tell_buyer(story(), "lakes"))
    assert "wants state is one of IL, IN, MI, MN, OH, WI; got CA" in said


def test_a_buyer_is_not_told_the_grade() -> None:
    poor = story()
    poor.scored = LeadScored(SLIP, replace(SCORE, grade="C"), PERSON)
    assert "grade" not in text(tell_buyer(poor, "weekenders"))
    assert "does not accept it" in text(tell_buyer(poor, "weekenders"))


def test_a_buyer_is_not_told_the_grade_among_other_values_either() -> None:
    said = text(tell_buyer(with_accept("{any: [{grade: B}, {state: NV}]}"), "north"))
    assert "does not accept it" in said
    assert "grade" not in said


def test_a_contract_that_accepted_and_was_not_asked_is_said() -> None:
    assert "its turn did not come" in text(tell_buyer(story(), "homebase"))
    early = story()
    early.closed = None
    assert "its turn may still come" in text(tell_buyer(early, "homebase"))
    assert "turn" not in text(tell_buyer(story(), "brightroof"))  # asked, and declined


def test_a_condition_of_several_parts_is_said_once_and_whole() -> None:
    told = text(tell(with_accept("{not: {state: [CA, NY]}}")))
    assert "FILTERED: wants not (state is one of CA, NY); got CA" in told
    told = text(tell(with_accept("{any: [{state: NV}, {monthly_bill: {at_least: 400}}]}")))
    assert "FILTERED: wants state is NV or monthly_bill is at least 400; got state CA, monthly_bill 220" in told


def test_an_unknown_buyer_is_said() -> None:
    with pytest.raises(NotFound, match="did you mean sunco"):
        tell_buyer(story(), "sunc")


def test_personal_values_that_a_condition_read_are_masked() -> None:
    other = compile_plan(load_plan(Path(next(iter(samples.__path__))) / "us500.yaml"), 1)
    slip = replace(SLIP, campaign_id="insurance-us", attributes={"state": "CA"}, private={"postal_code": "94110"})
    told = Story("lead-1", unique=LeadUnique(slip, PERSON), scored=LeadScored(slip, SCORE, PERSON), plans={1: other})
    assert "got 941**" in text(tell(told))
    assert "94110" not in text(tell(told))
    assert "got 94110" in text(tell(told, unmask=True))


def test_an_invalid_lead_shows_all_its_faults() -> None:
    faults = (
        Fault("email", "VALIDATION_MISSING", "is required and missing or empty"),
        Fault("state", "VALIDATION_ALLOWED_VALUES", "is not a state"),
    )
    fact = replace(rejected(118), faults=faults)
    said = text(tell(Story("lead-1", rejected=[fact])))
    assert "rejected: INVALID" in said
    assert "why it has no identity, or fields are missing or wrong: each fault is named" in said
    assert "email is required and missing or empty (VALIDATION_MISSING)" in said
    assert "state is not a state" in said


def test_a_duplicate_names_its_keys_and_the_earlier_lead() -> None:
    fact = replace(
        rejected(118, "DUPLICATE"),
        keys_checked=("email", "phone"),
        key_hit="phone",
        earlier_lead_id="lead-0",
        earlier_partition=0,
        earlier_offset=16,
        earlier_at=NOON,
    )
    said = text(tell(Story("lead-1", rejected=[fact])))
    assert "looked for the same email, phone" in said
    assert "the same phone in lead lead-0, received 2026-06-02 19:30:00.000Z, leads.received-0@16" in said


def test_a_repeat_comes_after_the_story_of_its_lead() -> None:
    told = story()
    told.rejected = [replace(rejected(200, "REPEAT"), earlier_lead_id="lead-1", earlier_at=NOON)]
    titles = [section.title for section in tell(told)]
    assert titles[1] == "valid and not seen before"
    assert titles[-1] == "came in again: REPEAT"


def test_a_budget_is_told_in_money_and_a_status_in_times() -> None:
    told = story()
    steps = (
        Step("empire", "empire-solar", NOON, Reason.BUYER_BUDGET, "day: 398400 of 400000, price 4800"),
        Step("sunco", "sunco-solar", NOON, Reason.BUYER_BUDGET, f"by status of {NOON}, until {NOON + 1}"),
    )
    told.sold = [replace(told.sold[0], trace=steps)]
    said = text(tell(told))
    assert "day: 3,984.00 USD of 4,000.00 USD, price 48.00 USD" in said
    assert "by status of 2026-06-02 19:30:00.000Z, until 2026-06-02 19:30:00.001Z" in said


def test_a_lead_on_its_way_says_how_far_it_is() -> None:
    assert "waiting to be scored" in text(tell(Story("lead-1", unique=LeadUnique(SLIP, PERSON))))


def test_a_dead_letter_says_where_and_what_next() -> None:
    letter = DeadLetter("dedup", "leads.received", 3, 118, NOON, "UNDECODABLE", "no framing", NOON, b"k", b"v", {})
    said = text(tell(Story("", dead=[letter])))
    for words in ("set aside: UNDECODABLE", "leads.received-3@118", "leadflow dead retry"):
        assert words in said
