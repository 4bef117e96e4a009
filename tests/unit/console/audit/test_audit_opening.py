"""What a record has in common with others of its lead is read once, and says what the codec says of it alone."""

from __future__ import annotations

import pytest

from console.audit.findings import Rule
from console.audit.history import History, replace
from console.audit.opening import Openings
from schemas.errors import Undecodable
from schemas.records import LeadSold, LeadUnique, Offer
from schemas.topics import OFFERS, SOLD, UNIQUE
from tests.unit.console.audit.judged import CODEC, judged
from tests.unit.console.audit.world import clean


def test_a_sale_beside_its_lead_and_offer_is_what_the_codec_reads() -> None:
    history, openings = History(clean(), CODEC), Openings(CODEC)
    for message, _ in history.all(UNIQUE, LeadUnique):
        openings.unique(message.value or b"")
    for message, offer in history.all(OFFERS, Offer):
        assert openings.offer(message.value or b"").trace == offer.trace
    sales = list(history.all(SOLD, LeadSold))
    assert any(sale.trace for _, sale in sales)
    for message, sale in sales:
        assert openings.sold(message.value or b"") == sale
    for message, sale in sales[::10]:
        assert Openings(CODEC).sold(message.value or b"") == sale


@pytest.mark.parametrize("change", [{"attributes": {"state": "TX"}}, {"attributes": {}}, {"trace": ()}, {"grade": "D"}])
def test_a_sale_that_differs_from_its_lead_says_so(change: dict[str, object]) -> None:
    openings, sale, _ = opened()
    differing = replace(sale, **change)
    assert openings.sold(CODEC.encode(differing)) == differing


def test_a_sale_that_is_cut_off_or_too_long_cannot_be_read() -> None:
    openings, _, value = opened()
    for end in range(5, len(value)):
        with pytest.raises(Undecodable):
            openings.sold(value[:end])
    with pytest.raises(Undecodable):
        openings.sold(value + b"\0")


def opened() -> tuple[Openings, LeadSold, bytes]:
    """Return what has opened a lead and its Offers, a sale of it with a trace, and the sale's bytes."""
    history, openings = History(clean(), CODEC), Openings(CODEC)
    message, sale = history.first(SOLD, LeadSold, lambda each: len(each.trace) > 0)
    for topic, kind in ((UNIQUE, LeadUnique), (OFFERS, Offer)):
        for carrier, record in history.all(topic, kind):
            if getattr(record, "slip").lead_id == sale.lead_id:  # noqa: B009 - both kinds have one
                (openings.unique if topic == UNIQUE else openings.offer)(carrier.value or b"")
    return openings, sale, message.value or b""


def test_a_route_that_breaks_off_is_a_finding_and_not_the_end_of_the_audit() -> None:
    """The rest of a route is looked at only where a sale is to nobody who is asked."""
    history = History(clean(), CODEC)
    message, offer = history.first(OFFERS, Offer, lambda each: len(each.route) > 1 and not each.trace)
    named = offer.route[1].contract_id.encode()
    broken = message._replace(value=(message.value or b"").replace(named, b"\xff" * len(named)))
    history.messages[history.messages.index(message)] = broken
    assert judged(history.messages).findings == ()
    at, sale = history.first(
        SOLD, LeadSold, lambda each: (each.lead_id, each.index) == (offer.slip.lead_id, offer.right.index)
    )
    _, other = history.first(SOLD, LeadSold, lambda each: each.buyer_id != sale.buyer_id)
    history.change(at, replace(sale, buyer_id=other.buyer_id, contract_id=other.contract_id))
    rules = {finding.rule for finding in judged(history.messages).findings}
    assert {Rule.UNREADABLE, Rule.PHANTOM} <= rules
