"""Whatever is written, the answer is a plan or the list of its problems, never another error."""

from __future__ import annotations

import random

from config.plan import Plan, PlanProblems, check_sources, compile_plan, from_json, to_json
from tests.support.chance import draws
from tests.unit.plan.samples import CALIFORNIAN, REFERENCE

_SNIPPETS = [
    *"{}[]:-#&*!|>%@'\"~,?\t\x00é\u2028",
    *("\n", "  ", ": ", "0", "-1", "1e5", "9" * 25, "2026-13-40", "none", "unlimited", "everything", "always", "grade"),
    *("when", "is", "any", "all", "not", "<<: ", "*a", "&a ", "!!int ", "---\n", "closed", "free"),
]


def _damaged(draw: random.Random) -> str:
    """Return the reference plan with up to three places cut out, and something else put there."""
    text = REFERENCE
    for _ in range(draw.randint(1, 3)):
        start = draw.randint(0, len(text))
        text = text[:start] + draw.choice(_SNIPPETS) + text[start + draw.randint(0, 15) :]
    return text


def _checked(text: str) -> Plan | PlanProblems:
    try:
        return check_sources({"plan.yaml": text})
    except PlanProblems as problems:
        return problems


def test_text_ends_as_a_plan_or_as_problems() -> None:
    for seed, draw in draws(60):
        plan = _checked(_damaged(draw))
        if isinstance(plan, PlanProblems):
            assert plan.problems, f"seed {seed}"
            assert all(problem.line > 0 and problem.what for problem in plan.problems), f"seed {seed}"
            assert str(plan), f"seed {seed}"
            continue
        assert from_json(to_json(plan)) == plan, f"seed {seed}"
        for campaign in compile_plan(plan, 1).campaigns.values():
            for contract in campaign.eligible(CALIFORNIAN, campaign.score(CALIFORNIAN)[1]):
                assert contract.price(CALIFORNIAN, "A")[0] >= 0, f"seed {seed}"
