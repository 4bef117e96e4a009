"""A lead closes once, when the last of its rights has ended."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agents.endings import unfilled
from agents.settlement.settle import End, owed, settle
from schemas.reasons import Reason
from schemas.records import LeadClosed, LeadSold, OpenLead, Right, RightUnfilled, Windows
from tests.support.leads import make_slip

NOW = 1_780_419_600_000
SLIP = make_slip(1)


def right(index: int, rights: int) -> Right:
    return Right(1, 0, index, rights, 1400, "on_first_sale", "USD", 1, NOW, False, 5500)


def sold(index: int, rights: int, price_minor: int = 3000) -> LeadSold:
    return LeadSold(
        *(
            f"sale-{index}",
            SLIP.lead_id,
            "solar-us",
            "acme-forms",
            "s-1",
            f"b{index}",
            f"c{index}",
            1,
            0,
            index,
            rights,
        ),
        *(price_minor, "rule", "terms", 1400, "on_first_sale", "USD", SLIP.test, 90, "A", NOW, "UTC"),
        *(Windows(0, 0, 0, 0), (), (), {}, 1, 1, NOW, 0, 1),
    )


def ended(index: int, rights: int, reason: Reason = Reason.ALL_CAPPED) -> RightUnfilled:
    return unfilled(SLIP, right(index, rights), reason, (), NOW)


def settled(*ends: End) -> OpenLead | LeadClosed:
    lead: OpenLead | LeadClosed | None = None
    for end in ends:
        assert not isinstance(lead, LeadClosed)
        lead = settle(lead, end, NOW + 9)
    assert lead is not None
    return lead


def closed(*ends: End) -> LeadClosed:
    lead = settled(*ends)
    assert isinstance(lead, LeadClosed)
    return lead


def test_an_exclusive_lead_closes_with_its_one_sale() -> None:
    lead = closed(sold(0, 1))
    assert (lead.sold, lead.rights, lead.reason, lead.reasons) == (1, 1, "SOLD", {})
    assert (lead.revenue_minor, lead.payout_minor, lead.value_minor, lead.closed_at) == (3000, 1400, 0, NOW + 9)


@pytest.mark.parametrize("test", [False, True])
def test_a_sale_of_the_only_right_closes_as_it_would_with_books(test: bool) -> None:
    end = replace(sold(0, 1), test=test)
    books = OpenLead(1, (), 0, 0, end.payout_minor, end.payout_owed, end.currency, {}, 0, NOW)
    assert settle(None, end, NOW + 9) == settle(books, end, NOW + 9)


def test_a_lead_stays_open_until_all_its_rights_have_ended() -> None:
    lead = settled(sold(0, 3), ended(2, 3))
    assert isinstance(lead, OpenLead)
    assert lead.ended == (0, 2)


def test_sold_n_of_n_adds_up_revenue_and_owes_the_payout_once() -> None:
    lead = closed(sold(0, 2, 5500), sold(1, 2, 3000))
    assert (lead.sold, lead.revenue_minor, lead.payout_minor) == (2, 8500, 1400)


def test_sold_one_of_two_is_sold_and_says_why_the_other_was_not() -> None:
    lead = closed(ended(1, 2, Reason.ALL_CLOSED), sold(0, 2))
    assert (lead.sold, lead.reason, lead.reasons, lead.value_minor) == (1, "SOLD", {"ALL_CLOSED": 1}, 0)


def test_an_unsold_lead_says_why_and_what_it_would_have_brought() -> None:
    lead = closed(ended(0, 2), ended(1, 2, Reason.NO_BUYERS))
    assert (lead.sold, lead.reason, lead.value_minor, lead.payout_minor) == (0, "ALL_CAPPED", 5500, 0)
    assert lead.reasons == {"ALL_CAPPED": 1, "NO_BUYERS": 1}


def test_an_unsold_lead_was_worth_the_most_that_one_of_its_rights_was() -> None:
    worth = [replace(ended(index, 3), value_minor=value) for index, value in enumerate((5500, 7000, 3800))]
    assert closed(*worth).value_minor == 7000


def test_the_same_end_again_counts_once() -> None:
    lead = settled(sold(0, 2), sold(0, 2))
    assert isinstance(lead, OpenLead)
    assert lead.sold == 1


def test_nothing_is_owed_for_a_test_and_nothing_by_unknown_terms() -> None:
    assert owed(1400, "on_first_sale", 1, test=True) == 0
    with pytest.raises(ValueError, match="owed 'per_sale'"):
        owed(1400, "per_sale", 1, test=False)


def test_the_order_of_the_ends_does_not_matter() -> None:
    ends: list[End] = [sold(0, 3), ended(1, 3), ended(2, 3, Reason.NO_BUYERS)]
    forwards, backwards = closed(*ends), closed(*reversed(ends))
    assert replace(forwards, reasons={}) == replace(backwards, reasons={})
    assert forwards.reasons == backwards.reasons
