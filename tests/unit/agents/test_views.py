"""Views keep what is in force, whatever comes."""

from __future__ import annotations

import pytest

from agents import views
from agents.views import PauseView, PlanView
from config.plan.compiled import CompiledPlan, compile_plan
from config.plan.model import Plan
from schemas.records import Pause, PlanVersion
from streams.stage import Message
from tests.unit.agents.intake import CODEC, NOW, plan, plan_message


def pause(kind: str, id_: str, paused: bool, until: int = -1) -> Message:
    """Return a record of internal.pauses."""
    record = Pause(kind, id_, paused, until, NOW)
    return Message("internal.pauses", 0, 0, NOW, f"{kind}/{id_}".encode(), CODEC.encode(record))


def test_the_newest_version_is_in_force() -> None:
    view = PlanView(CODEC)
    assert view.current() is None
    view.apply(plan_message(plan(version=1)))
    view.apply(plan_message(plan(version=3)))
    view.apply(plan_message(plan(version=2)))
    current = view.current()
    assert current is not None
    assert current.version == 3
    assert view.current() is current


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"rubbish",
        CODEC.encode(PlanVersion(9, "", "{}", {}, NOW)),
        CODEC.encode(PlanVersion(9, "", "no json", {}, NOW)),
        CODEC.encode(Pause("supplier", "x", True, -1, NOW)),
    ],
)
def test_a_plan_that_cannot_be_read_leaves_the_old_one_in_force_and_says_so(value: bytes | None) -> None:
    view = PlanView(CODEC)
    view.apply(Message("internal.plan", 0, 4, NOW, b"plan", value))
    assert view.current() is None
    assert "no plan is in force" in view.problem
    view.apply(plan_message(plan(version=2)))
    assert view.problem == ""
    view.apply(Message("internal.plan", 0, 5, NOW, b"plan", value))
    current = view.current()
    assert current is not None
    assert current.version == 2
    assert "internal.plan-0@5" in view.problem
    assert "version 2 stays in force" in view.problem


def test_only_the_version_that_is_asked_for_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[int] = []

    def counting(model: Plan, number: int) -> CompiledPlan:
        compiled.append(number)
        if number == 40:
            raise ValueError("not this one")
        return compile_plan(model, number)

    monkeypatch.setattr(views, "compile_plan", counting)
    view = PlanView(CODEC)
    for number in range(1, 41):
        view.apply(plan_message(plan(version=number)))
    current = view.current()
    assert current is not None
    assert (current.version, compiled) == (39, [40, 39])
    assert "plan version 40 cannot be used" in view.problem
    assert "version 39 stays in force" in view.problem
    assert view.current() is current


def test_pauses_hold_until_resumed_or_over() -> None:
    view = PauseView(CODEC)
    assert not view
    view.apply(pause("supplier", "acme", True))
    view.apply(pause("campaign", "solar", True, until=NOW + 10))
    assert view.paused("supplier", "acme", NOW)
    assert not view.paused("campaign", "acme", NOW)
    assert view.paused("campaign", "solar", NOW + 9)
    assert not view.paused("campaign", "solar", NOW + 10)
    view.apply(pause("supplier", "acme", False))
    assert not view.paused("supplier", "acme", NOW)
    view.apply(Message("internal.pauses", 0, 0, NOW, b"campaign/solar", None))
    assert not view


def test_a_pause_that_cannot_be_read_leaves_pauses_as_they_were() -> None:
    view = PauseView(CODEC)
    view.apply(pause("supplier", "acme", True))
    view.apply(Message("internal.pauses", 0, 7, NOW, b"supplier/acme", b"rubbish"))
    assert view.paused("supplier", "acme", NOW)
    assert "internal.pauses-0@7" in view.problem
