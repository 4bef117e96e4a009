"""What conditions may ask of a lead, by the plan of its intake and by a later one."""

from __future__ import annotations

from msgspec.structs import replace

from agents.asked import asked_of, values_of
from schemas.records import Lead
from tests.support.leads import make_slip

LEAD = Lead(email="ann@example.org", state="CA", fields={"monthly_bill": "220", "roof": "flat"})
SLIP = replace(make_slip(1, plan_version=3), attributes={"state": "CA"}, private={"email": "ann@example.org"})


def nobody_reads(_: bytes) -> Lead:
    raise AssertionError("the lead itself was read")


def test_the_plan_of_intake_asks_the_slip() -> None:
    for version in (2, 3):
        assert asked_of(SLIP, b"", nobody_reads, version) == {"state": "CA", "email": "ann@example.org"}
    assert asked_of(replace(SLIP, private={}), b"", nobody_reads, 3) == {"state": "CA"}


def test_a_later_plan_asks_the_lead() -> None:
    assert asked_of(SLIP, b"body", {b"body": LEAD}.__getitem__, 4) == values_of(LEAD)
    assert values_of(LEAD) == {"email": "ann@example.org", "state": "CA", "monthly_bill": "220", "roof": "flat"}
