"""The routers' view: closed as announced, open again by itself."""

from __future__ import annotations

from agents.status_view import StatusView, skip_step
from schemas.records import BuyerStatus
from streams.stage import Message
from tests.support.pipeline import CODEC

NOW = 1_000_000


def message(status: BuyerStatus | None, contract_id: str = "c1") -> Message:
    value = CODEC.encode(status) if status is not None else None
    return Message("internal.buyer-status", 0, 0, NOW, contract_id.encode(), value)


def closed(until: int = -1) -> BuyerStatus:
    return BuyerStatus("c1", "b1", False, "BUYER_CAP", until, NOW - 5)


def view_of(*statuses: BuyerStatus | None) -> StatusView:
    view = StatusView(CODEC)
    for status in statuses:
        view.apply(message(status))
    return view


def test_an_unknown_contract_counts_as_open() -> None:
    assert view_of().closing("c1", NOW) is None


def test_closed_until_its_owner_says_otherwise() -> None:
    assert view_of(closed()).closing("c1", NOW + 10**12) is not None
    assert view_of(closed(), BuyerStatus("c1", "b1", True, "", -1, NOW)).closing("c1", NOW) is None
    assert view_of(closed(), None).closing("c1", NOW) is None


def test_open_by_itself_once_closed_until_has_come() -> None:
    view = view_of(closed(until=NOW + 1))
    assert view.closing("c1", NOW) is not None
    assert view.closing("c1", NOW + 1) is None


def test_a_record_that_cannot_be_read_leaves_what_was_known_and_says_so() -> None:
    view = view_of(closed())
    view.apply(Message("internal.buyer-status", 0, 7, NOW, b"c1", b"rubbish"))
    assert view.closing("c1", NOW) is not None
    assert "internal.buyer-status-0@7" in view.problem
    view.apply(message(closed()))
    assert view.problem == ""


def test_a_skip_names_its_reason_and_the_status_it_was_read_from() -> None:
    step = skip_step(closed(until=NOW + 7), NOW)
    assert (step.contract_id, step.at, step.reason) == ("c1", NOW, "BUYER_CAP")
    assert step.detail == f"by status of {NOW - 5}, until {NOW + 7}"
