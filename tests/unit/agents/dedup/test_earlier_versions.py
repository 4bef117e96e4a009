"""Leads that an earlier version of the plan let in are known by what it looked at, whether Redis was lost or not."""

from __future__ import annotations

import msgspec
import pytest

from agents.asked import values_of
from agents.dedup.keys import Claimant, PlanClaims
from config.plan.compiled import compile_plan
from config.plan.dedupes import DedupeHistory
from config.plan.model import DedupeRule
from schemas.errors import Unavailable
from schemas.records import Lead
from tests.unit.agents.dedup.worlds import HASHES, World, lead_row, settled
from tests.unit.agents.intake import DAY, NOW, ruled


@pytest.fixture
def world() -> World:
    return World()


PHONES = DedupeRule("any", ("phone",), 30 * DAY, "everywhere")
EMAILS = DedupeRule("any", ("email",), 30 * DAY, "everywhere")
MARIA = Lead(email="maria@example.com", phone="+14155550143")


def versions(*rules: tuple[DedupeRule | None, DedupeRule | None]) -> list[PlanClaims]:
    """Return what each version of a plan asks of the claims; its rules for `solar-us` and `other`."""
    history, needs = DedupeHistory(), []
    for number, pair in enumerate(rules, 1):
        compiled = ruled(number, *pair)
        history.note(number, compiled.plan)
        needs.append(PlanClaims(compiled, HASHES, history))
    return needs


def like(wanted: PlanClaims, offset: int = 50) -> tuple[str | int, ...]:
    """Return the row of another lead of the same person, for `other`."""
    rule = wanted.rules["other"]
    return rule.row(Claimant(f"lead-{offset}", 0, offset, NOW), rule.keys(values_of(MARIA)))


def test_leads_of_a_campaign_that_has_stopped_to_look_at_a_key_are_known_by_it_as_long_as_another_does(
    world: World,
) -> None:
    """Whether Redis was lost meanwhile or not."""
    first, second = versions((PHONES, PHONES), (None, PHONES))
    claims = settled(world.worker(), first)
    claims.claim([lead_row(first, MARIA, 1)], first)
    world.unique(MARIA, 1)
    settled(claims, second)
    assert claims.claim([like(second)], second)[1][0].lead_id == "lead-1"
    world.store.wipe()
    claims = settled(world.worker(), second)
    assert claims.claim([like(second)], second)[1][0].lead_id == "lead-1"


def test_leads_of_a_campaign_that_is_gone_are_known_by_what_it_looked_at(world: World) -> None:
    history = DedupeHistory()
    history.note(1, ruled(1, PHONES, PHONES).plan)
    model = ruled(2, PHONES, PHONES).plan
    now = compile_plan(msgspec.structs.replace(model, campaigns=model.campaigns[1:]), 2)
    history.note(2, now.plan)
    wanted = PlanClaims(now, HASHES, history)
    world.unique(MARIA, 1)
    claims = settled(world.worker(), wanted)
    assert claims.claim([like(wanted)], wanted)[1][0].lead_id == "lead-1"


def test_leads_that_never_were_to_be_known_by_a_key_are_not(world: World) -> None:
    _, _, third = versions((PHONES, PHONES), (None, PHONES), (None, PHONES))
    world.unique(MARIA, 1, plan_version=2)
    claims = settled(world.worker(), third)
    assert claims.claim([like(third)], third)[1] == {}


def test_a_campaign_that_looks_at_a_key_again_has_what_came_meanwhile_claimed(world: World) -> None:
    first, second, third = versions((PHONES, PHONES), (None, PHONES), (PHONES, PHONES))
    claims = settled(world.worker(), first)
    settled(claims, second)
    world.unique(MARIA, 1, plan_version=2)
    with pytest.raises(Unavailable, match="widens"):
        claims.claim([], third)
    assert claims.claim([like(third)], third)[1][0].lead_id == "lead-1"


def test_a_key_that_nobody_looked_at_for_a_while_is_claimed_again(world: World) -> None:
    """Redis was lost while nobody looked at phones, so the rebuild left them out; `other` begins to look at them."""
    first, second, third = versions((PHONES, EMAILS), (EMAILS, EMAILS), (EMAILS, PHONES))
    claims = settled(world.worker(), first)
    world.unique(MARIA, 1, plan_version=1)
    world.store.wipe()
    settled(claims, second)
    with pytest.raises(Unavailable, match="widens"):
        claims.claim([], third)
    assert claims.claim([like(third)], third)[1][0].lead_id == "lead-1"


def test_a_worker_that_is_behind_does_not_rebuild_what_was_judged_by_a_plan_that_it_has_not_seen(world: World) -> None:
    """It would leave the phone out, and its claims look like those that the plan in force asks for."""
    needs = versions((PHONES, PHONES), (None, PHONES), (PHONES, PHONES), (None, PHONES))
    world.unique(MARIA, 1, plan_version=3)
    behind = world.worker()
    with pytest.raises(AssertionError, match="no generation"):
        settled(behind, needs[1])
    claims = settled(world.worker(), needs[3])
    assert claims.claim([like(needs[3])], needs[3])[1][0].lead_id == "lead-1"
