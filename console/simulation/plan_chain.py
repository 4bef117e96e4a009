"""The versions of a plan that a run goes through: drawn, written as text, read, each following the one before."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import lru_cache, partial
from random import Random
from typing import Final, NamedTuple

from config.plan.compiled import CompiledPlan, compile_plan
from config.plan.diff import diff
from config.plan.model import Plan
from config.plan.problems import PlanProblems
from config.plan.succession import succeed
from console.simulation.plan_changes import change
from console.simulation.plan_drafts import PlanDraft, draw_plan

#: Versions of a chain; a run applies as many as its scenario says.
VERSIONS: Final = 4
#: Plans and changes drawn in vain before it is an error.
_DRAWS_MAX: Final = 50
#: Neighbouring seeds that share a chain: reading the text of a plan costs a tenth of a run.
SEEDS_A_CHAIN: Final = 4


class Version(NamedTuple):
    """One version, with the changes that made it in words and the text that a person would have written."""

    plan: CompiledPlan
    changes: str
    text: str


@lru_cache(maxsize=4)
def chain_of(number: int) -> tuple[Version, ...]:
    """Return the versions of a chain, checked and compiled as `plan apply` would."""
    chance = Random(f"plan/{number}")
    _, draft, plan = _drawn(lambda: ("", draw_plan(chance)))
    versions = [Version(compile_plan(plan, 1), "", draft.text())]
    for version in range(2, VERSIONS + 1):
        said, draft, after = _drawn(partial(_changed, chance, draft))
        if refused := diff(plan, after).refused:
            raise AssertionError(f"a change that nobody may make was drawn: {refused}")
        plan = succeed(plan, after)
        versions.append(Version(compile_plan(plan, version), said, draft.text()))
    return tuple(versions)


def _changed(chance: Random, draft: PlanDraft) -> tuple[str, PlanDraft]:
    tried = deepcopy(draft)
    return change(chance, tried), tried


def _drawn(draw: Callable[[], tuple[str, PlanDraft]]) -> tuple[str, PlanDraft, Plan]:
    """Return what was drawn, in words and as a draft, and its plan: drawn again while the check refuses it."""
    for _ in range(_DRAWS_MAX):
        said, draft = draw()
        try:
            return said, draft, draft.read()
        except PlanProblems:  # a price above a spend cap that was drawn for a lower one: nobody may apply that
            continue
    raise AssertionError(f"no plan out of {_DRAWS_MAX} was one that people may apply")
