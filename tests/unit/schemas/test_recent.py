"""What was just written is known again, only by the very same bytes, and only so much of it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from schemas.codec import Codec
from schemas.errors import Undecodable
from schemas.recent import Recent
from schemas.records import LeadScored, LeadSold, LeadUnique, Offer, Pause, Record, RightUnfilled
from schemas.slip import OFFERS_OF_A_LEAD, Slips
from tests.unit.schemas.examples import filled

UNIQUE = msgspec.structs.replace(
    filled(LeadUnique), slip=msgspec.structs.replace(filled(LeadUnique).slip, lead_id="x" * 36)
)
SCORED = msgspec.structs.replace(filled(LeadScored), slip=UNIQUE.slip)


def test_it_forgets_the_older_half() -> None:
    recent: Recent[int, int] = Recent(10)
    for number in range(1, 1000):
        recent.put(number, number)
        assert len(recent) <= 20
        assert all(recent.get(each) == each for each in range(max(1, number - 9), number + 1))
    assert recent.get(1) is None


def test_what_is_taken_is_gone() -> None:
    recent: Recent[str, int] = Recent(2)
    for number, key in enumerate("abc"):
        recent.put(key, number)
    assert (recent.take("a"), recent.take("c")) == (0, 2)
    assert (recent.take("a"), recent.get("c"), recent.take("d")) == (None, None, None)
    assert len(recent) == 1


def test_a_slip_is_handed_on_between_stages_of_one_worker() -> None:
    codec = Codec()
    slips = Slips(codec)
    slip, slip_bytes, body = slips.open_unique(slips.seal_body(UNIQUE.slip, slips.body_of(UNIQUE.lead)))
    assert slip is UNIQUE.slip
    again, score, _, _ = slips.open_scored(slips.seal_scored((slip, slip_bytes, body), SCORED.score))
    assert (again, score) == (UNIQUE.slip, SCORED.score)
    assert again is UNIQUE.slip


def test_the_same_lead_with_other_bytes_is_read() -> None:
    codec = Codec()
    slips = Slips(codec)
    slips.open_unique(slips.seal_body(UNIQUE.slip, slips.body_of(UNIQUE.lead)))
    later = msgspec.structs.replace(UNIQUE.slip, plan_version=UNIQUE.slip.plan_version + 1)
    assert slips.open_unique(codec.encode(LeadUnique(later, UNIQUE.lead)))[0] == later
    regraded = msgspec.structs.replace(SCORED.score, grade="Z")
    for score in (SCORED.score, regraded, SCORED.score):
        value = codec.encode(LeadScored(later, score, SCORED.lead))
        assert slips.open_scored(value) == Slips(codec).open_scored(value)


def test_a_known_slip_that_is_cut_off_behind_is_undecodable() -> None:
    slips = Slips(Codec())
    value = slips.seal_body(UNIQUE.slip, slips.body_of(UNIQUE.lead))
    slip_bytes = slips.open_unique(value)[1]
    with pytest.raises(Undecodable, match="ends too early"):
        slips.open_unique(value[: 5 + len(slip_bytes)])
    with pytest.raises(Undecodable):
        slips.open_unique(value[: len(slip_bytes)])


@pytest.mark.parametrize(("kind", "known"), [(LeadSold, True), (RightUnfilled, True), (Pause, False)])
def test_facts_that_settlement_reads_back_are_known(kind: type[Record], known: bool) -> None:
    codec = Codec()
    record = filled(kind)
    value = codec.encode(record)
    read: Callable[[bytes], Record] = codec.decode
    assert (read(value) is record) == known
    assert read(value) == record == Codec().decode(value)
    with pytest.raises(Undecodable):
        read(value + b"\x00")


def test_an_offer_is_handed_on_as_it_would_be_read() -> None:
    codec = Codec()
    slips = Slips(codec)
    offer: Offer = msgspec.structs.replace(filled(Offer), slip=UNIQUE.slip)
    unique = slips.open_unique(slips.seal_body(offer.slip, slips.body_of(offer.lead)))
    scored = slips.open_scored(slips.seal_scored(unique, offer.score))
    trace = list(offer.trace)
    value = slips.seal_offer(scored, offer.right, offer.route, offer.position, trace)
    trace.clear()
    opened = slips.open_offer(value)
    assert opened[0].slip is offer.slip
    assert opened[0].trace == offer.trace, "the list that was given may change afterwards"
    assert opened == slips.open_offer(value) == Slips(codec).open_offer(value)
    assert value == codec.encode(offer)
    moved = slips.seal_offer(scored, offer.right, opened[0].route, 1, opened[0].trace)
    assert slips.open_offer(moved) == Slips(codec).open_offer(moved)


def test_the_offers_of_all_rights_of_a_lead_are_known_once() -> None:
    slips = Slips(Codec())
    offer: Offer = filled(Offer)
    unique = slips.open_unique(slips.seal_body(offer.slip, slips.body_of(offer.lead)))
    scored = slips.open_scored(slips.seal_scored(unique, offer.score))
    rights = [msgspec.structs.replace(offer.right, index=index) for index in range(OFFERS_OF_A_LEAD + 1)]
    values = [slips.seal_offer(scored, right, offer.route, 0, ()) for right in rights]
    opened = [slips.open_offer(value)[0].right for value in values]
    assert opened == rights
    assert [one is right for one, right in zip(opened, rights, strict=True)] == [False] + OFFERS_OF_A_LEAD * [True]
    again = slips.open_offer(values[-1])[0].right
    assert again == rights[-1]
    assert again is not rights[-1]
