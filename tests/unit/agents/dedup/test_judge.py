"""A received lead before anyone asks whether it was seen before."""

from __future__ import annotations

from typing import Any

import pytest

from agents.dedup.hashes import Hashes
from agents.dedup.judge import AHEAD_MS, Received, Refused, Rules, Valid, judge, shown_ids
from agents.views import PauseView
from schemas.identity import lead_id
from schemas.reasons import Reason
from schemas.records import Pause
from streams.stage import Message
from tests.unit.agents.intake import CODEC, NOW, plan, received

RULES = Rules(plan(version=7), Hashes(b"a key that is long enough"))
MINUTE = 60_000


def judged(pauses: PauseView | None = None, at: int = NOW, **changes: Any) -> Refused | Valid:
    """Return the judgement of a lead with these changes."""
    return judge(Received(received(**changes), 0, 1, at), RULES, pauses or PauseView(CODEC))


def paused(kind: str, id_: str, until: int = -1) -> PauseView:
    """Return a view in which one thing is paused."""
    view = PauseView(CODEC)
    record = Pause(kind, id_, True, until, NOW - 1)
    view.apply(Message("internal.pauses", 0, 0, NOW, f"{kind}/{id_}".encode(), CODEC.encode(record)))
    return view


def refused(reason: Reason, verdict: Refused | Valid) -> bool:
    """Say whether the lead was refused for this reason."""
    return isinstance(verdict, Refused) and verdict.reason is reason


def test_a_good_lead_is_valid_with_identity_keys_and_an_end_of_sale() -> None:
    verdict = judged()
    assert isinstance(verdict, Valid)
    assert verdict.lead_id == lead_id("acme-forms", "solar-us", "form-1", test=False)
    assert list(verdict.keys) == ["email", "phone"]
    assert verdict.sell_by == NOW - 1000 + 15 * MINUTE
    assert verdict.values["phone"] == "+14155550001"


def test_the_earlier_of_the_two_times_counts() -> None:
    late = judged(submitted_at=NOW + AHEAD_MS)
    early = judged(submitted_at=NOW - 60 * MINUTE)
    assert isinstance(late, Valid)
    assert isinstance(early, Valid)
    assert late.sell_by == NOW + 15 * MINUTE
    assert early.sell_by == NOW - 45 * MINUTE


def test_a_lead_from_the_future_is_refused() -> None:
    assert refused(Reason.SUBMITTED_IN_FUTURE, judged(submitted_at=NOW + AHEAD_MS + 1))


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        (Reason.CAMPAIGN_UNKNOWN, {"campaign_id": "solar-uk"}),
        (Reason.SUPPLIER_UNKNOWN, {"supplier_id": "nobody"}),
        (Reason.SUPPLIER_NOT_IN_CAMPAIGN, {"supplier_id": "other-forms"}),
        (Reason.INVALID, {"email": "x"}),
        (Reason.INVALID, {"email": "x", "submitted_at": NOW + 2 * AHEAD_MS}),
    ],
)
def test_what_does_not_fit_the_plan_is_refused(reason: Reason, changes: dict[str, Any]) -> None:
    verdict = judged(**changes)
    assert refused(reason, verdict)
    assert verdict.lead_id != ""


def test_pauses_by_hand_refuse_what_is_received_before_their_end() -> None:
    assert refused(Reason.CAMPAIGN_PAUSED, judged(paused("campaign", "solar-us")))
    assert refused(Reason.SUPPLIER_PAUSED, judged(paused("supplier", "acme-forms")))
    assert refused(Reason.SUPPLIER_PAUSED, judged(paused("supplier", "acme-forms", NOW + 1)))
    assert isinstance(judged(paused("supplier", "acme-forms", NOW)), Valid)
    assert isinstance(judged(paused("supplier", "other-forms")), Valid)


@pytest.mark.parametrize("bad", ["", "  ", "x" * 201, "a\x1fb", "line\nbreak"])
def test_a_lead_that_does_not_identify_itself_has_no_lead_id(bad: str) -> None:
    verdict = judged(supplier_lead_id=bad)
    assert isinstance(verdict, Refused)
    assert (verdict.lead_id, verdict.reason) == ("", Reason.INVALID)
    assert [fault.field for fault in verdict.faults] == ["supplier_lead_id"]


def test_a_person_where_an_id_belongs_does_not_get_into_a_fact() -> None:
    lead = received(campaign_id="Maria Gonzalez", supplier_id="maria@example.com", supplier_lead_id="x" * 999)
    assert shown_ids(lead) == ("", "", "")
    verdict = judged(campaign_id="Maria Gonzalez", supplier_id="maria@example.com")
    assert isinstance(verdict, Refused)
    assert [fault.field for fault in verdict.faults] == ["campaign_id", "supplier_id"]
    assert "Maria" not in repr(verdict)


def test_a_test_lead_is_another_lead() -> None:
    live, test = judged(), judged(test=True)
    assert live.lead_id != test.lead_id
    assert isinstance(test, Valid)
