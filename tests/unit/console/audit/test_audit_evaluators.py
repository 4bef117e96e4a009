"""The judge's own evaluators agree with those of the workers, which they share no code with."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

import msgspec
import pytest

from agents.dedup.keys import families
from config.plan.canonical import to_json
from config.plan.conditions import EVERYTHING, compile_condition, fields_of
from config.plan.model import DedupeRule
from console.audit.calendar import is_open, windows_at
from console.audit.cases import Sent
from console.audit.conditions import names, reading
from console.audit.intake import lead_id_of, person_keys, sale_id_of
from console.audit.plans import likenesses_of, read_plan
from schemas.identity import lead_id, right_id, sale_id
from schemas.records import OpenHours, Points
from tables.hours import Schedule
from tables.windows import Calendar
from tests.support.chance import draws
from tests.support.plans import reference_plan
from tests.unit.plan.drawn import draw_condition, draw_grade, draw_lead

#: Zones whose clocks do what clocks do: half hours, 45 minutes, midnight skipped or twice, a day that never was.
ZONES = (
    "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Africa/Cairo",
    "America/Havana", "Asia/Beirut", "Pacific/Apia", "America/Santiago", "UTC",
)  # fmt: skip


def test_conditions() -> None:
    for seed, draw in draws(200):
        condition = draw_condition(draw)
        said = msgspec.to_builtins(condition)
        ours, theirs = reading(said), compile_condition(condition)
        for _ in range(10):
            values, grade = draw_lead(draw), draw_grade(draw)
            assert ours(values, grade) == theirs(values, grade), f"seed {seed}"
        assert set(names(said)) == fields_of(condition), f"seed {seed}"


def test_a_condition_of_an_unknown_form_is_an_error_and_no_yes() -> None:
    with pytest.raises(ValueError, match="type 'xor'"):
        reading({"type": "xor"})
    with pytest.raises(ValueError, match="a test 'like'"):
        reading({"type": "test", "field": "state", "op": "like", "values": ["C"]})
    assert reading(msgspec.to_builtins(EVERYTHING))({}, "")


HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FIRST_MS, LAST_MS = 1_300_000_000_000, 1_950_000_000_000  # March 2011 to October 2031
#: From a change of the clocks: around it, around the hour that it cuts, and the days that it makes longer or shorter.
NEAR_MS = (-DAY_MS, -HOUR_MS, -1, 0, 1_800_000, HOUR_MS - 1, HOUR_MS, 90 * 60_000, DAY_MS)


@cache
def changes(zone: str) -> tuple[int, ...]:
    """Return when the clocks of a zone change, by the millisecond."""
    clock = ZoneInfo(zone)

    def offset(at_ms: int) -> object:
        return datetime.fromtimestamp(at_ms / 1000, clock).utcoffset()

    found = []
    for day in range(FIRST_MS, LAST_MS, DAY_MS):
        before, after = day, day + DAY_MS
        if offset(before) != offset(after):
            while after - before > 1:
                middle = (before + after) // 2
                before, after = (middle, after) if offset(middle) == offset(before) else (before, middle)
            found.append(after)
    return tuple(found)


def instants(zone: str) -> list[int]:
    """Return instants at which a calendar may go wrong, near the oldest and other changes, and some of any year."""
    draw = random.Random(zone)
    oldest, newer = changes(zone)[:4], changes(zone)[4:]
    some = [*oldest, *draw.sample(newer, min(8, len(newer)))]
    return [at + by for at in some for by in NEAR_MS] + [draw.randrange(FIRST_MS, LAST_MS) for _ in range(60)]


def test_the_instants_are_those_at_which_clocks_change() -> None:
    assert [len(changes(zone)) > 3 for zone in ZONES] == [zone not in ("Asia/Kathmandu", "UTC") for zone in ZONES]
    assert int(datetime(2026, 3, 8, 7, tzinfo=UTC).timestamp()) * 1000 in changes("America/New_York")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("week_starts", [0, 6])
def test_windows(zone: str, week_starts: int) -> None:
    calendar = Calendar(zone, week_starts)
    for at_ms in instants(zone):
        theirs = calendar.at(at_ms).starts
        found = windows_at(at_ms, zone, week_starts)
        assert found[:4] == (theirs.hour_at, theirs.day_at, theirs.week_at, theirs.month_at), at_ms


@pytest.mark.parametrize("zone", ZONES)
def test_hours(zone: str) -> None:
    spans = ((0, 480, 1200), (1, 0, 1440), (4, 90, 100), (4, 1380, 1440), (6, 0, 30), (6, 90, 150))
    schedule = Schedule(zone, False, tuple(OpenHours(*span) for span in spans))
    seen = set()
    for at_ms in instants(zone):
        open_ = is_open(at_ms, zone, spans)
        assert open_ == schedule.at(at_ms).open, at_ms
        seen.add(open_)
    assert seen == {True, False}


def test_a_plan_read_by_names_says_what_the_compiled_one_says() -> None:
    compiled = reference_plan()
    plan = read_plan(1, to_json(compiled.plan), 0)
    campaign, own = compiled.campaigns["solar-us"], plan.campaigns["solar-us"]
    assert plan.hash == compiled.hash
    assert {c.contract_id: c.terms for c in campaign.contracts} == {c.id: c.terms for c in plan.contracts.values()}
    draw = random.Random(1)
    for _ in range(300):
        values = {
            "state": draw.choice(("CA", "OH", "TX")),
            "owns_home": draw.choice(("true", "false")),
            "monthly_bill": str(draw.randrange(500)),
        }
        points, grade, rules = campaign.score(values)
        assert own.score(values) == (points, grade, tuple(Points(*rule) for rule in rules))
        takers = campaign.eligible(values, grade)
        assert [c.contract_id for c in takers] == [c.id for c in own.contracts if c.answer(values, grade).accepts]
        for contract in takers:
            assert (
                plan.contracts[contract.contract_id].answer(values, grade).price_minor
                == contract.price(values, grade)[0]
            )
        assert own.worth(values, grade).value_minor == max((c.price(values, grade)[0] for c in takers), default=0)


def test_identities() -> None:
    own = lead_id_of(Sent("s-1", "solar-us", "acme", 0, True))
    assert own == lead_id("acme", "solar-us", "s-1", test=True)
    assert sale_id_of(own, 1, 0, 2, "sunco") == sale_id(right_id(own, 1, 0, 2), "sunco")


@pytest.mark.parametrize("match", ["any", "all"])
@pytest.mark.parametrize("scope", ["campaign", "everywhere"])
def test_the_keys_of_a_person(match: str, scope: str) -> None:
    plan = read_plan(1, to_json(reference_plan().plan), 0)
    campaign = plan.campaigns["solar-us"]
    rule = DedupeRule(match, ("email", "phone"), 1000, scope)
    campaign.likenesses = tuple(likenesses_of("solar-us", msgspec.to_builtins(rule)))
    both = list(person_keys(campaign, {"email": "a@b.c", "phone": "+1"}))
    assert [each.label for each, _ in both] == [family.label for family in families("solar-us", rule)]
    assert {parts[0] for _, parts in both} == {f"{family.name}/1000" for family in families("solar-us", rule)}
    assert [parts[1:] for _, parts in both] == ([("a@b.c",), ("+1",)] if match == "any" else [("a@b.c", "+1")])
    assert len(list(person_keys(campaign, {"email": "a@b.c"}))) == (1 if match == "any" else 0)
