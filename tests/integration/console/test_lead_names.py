"""By what names `lead show` finds a lead: ours in any case, and the supplier's, also one that looks like ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.producing import Outgoing, Sender
from console.reach import Reach
from schemas.identity import lead_id
from schemas.records import LeadRejected
from schemas.topics import REJECTED, UNIQUE, catalogue
from tests.integration.console.conftest import run

THEIRS = "0e1b5d7f-4c2a-4b1d-9c3e-aaaaaaaaaaaa"


def rejected(supplier: str, *, test: bool = False) -> LeadRejected:
    return LeadRejected(
        lead_id=lead_id(supplier, "solar-us", THEIRS, test=test),
        campaign_id="solar-us",
        supplier_id=supplier,
        supplier_lead_id=THEIRS,
        test=test,
        stage="dedup",
        reason="INVALID",
        faults=(),
        keys_checked=(),
        key_hit="",
        earlier_lead_id="",
        earlier_partition=-1,
        earlier_offset=-1,
        earlier_at=-1,
        received_at=0,
        received_partition=0,
        received_offset=0,
        rejected_at=0,
        plan_version=1,
    )


@pytest.fixture
def way(way: Reach, demo_plan: Path) -> Reach:
    """A leadflow with the demo's plan, where one lead was rejected."""
    assert run("plan", "apply", str(demo_plan), "--yes").exit_code == 0
    way.topic_admin.create([spec for spec in catalogue() if spec.name in (UNIQUE, REJECTED)], way.sizes)
    add(way, rejected("acme-forms"))
    return way


def add(way: Reach, fact: LeadRejected) -> None:
    sender = Sender(way.address)
    sender.send(Outgoing(REJECTED, fact.lead_id, way.codec.encode(fact)))
    sender.flush()


def test_a_suppliers_id_may_be_a_uuid(way: Reach) -> None:
    assert f"lead {rejected('acme-forms').lead_id}, solar-us, live" in run("lead", "show", THEIRS).output


def test_a_lead_id_is_found_in_any_case(way: Reach) -> None:
    ours = rejected("acme-forms").lead_id
    assert f"lead {ours}, solar-us, live" in run("lead", "show", ours.upper()).output


def test_what_is_no_lead_is_said_however_it_looks(way: Reach) -> None:
    for name in ("nothing", THEIRS.replace("a", "b")):
        assert f"no lead '{name}'" in str(run("lead", "show", name).exception)


def test_an_id_of_several_leads_is_answered_with_what_each_of_them_is(way: Reach) -> None:
    test, other = rejected("acme-forms", test=True), rejected("clickriver")
    add(way, test)
    add(way, other)
    said = str(run("lead", "show", THEIRS).exception)
    assert "stands for 3 leads" in said
    assert f"leadflow lead show {test.lead_id}   of acme-forms, solar-us, test" in said
    assert f"leadflow lead show {other.lead_id}   of clickriver, solar-us, live" in said
