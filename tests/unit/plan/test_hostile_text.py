"""Whatever is written, the answer is a plan or the list of its problems, never another error."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from config.plan import Plan, PlanProblems, check_sources, compile_plan, from_json, to_json
from tests.unit.plan.samples import CALIFORNIAN, REFERENCE

_SNIPPETS = [
    *"{}[]:-#&*!|>%@'\"~,?\t\x00é\u2028",
    *("\n", "  ", ": ", "0", "-1", "1e5", "9" * 25, "2026-13-40", "none", "unlimited", "everything", "always", "grade"),
    *("when", "is", "any", "all", "not", "<<: ", "*a", "&a ", "!!int ", "---\n", "closed", "free"),
]


@st.composite
def _texts(draw: st.DrawFn) -> str:
    """Draw the reference plan with up to three places cut out, and something else put there."""
    text = REFERENCE
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(st.sampled_from(_SNIPPETS)) + text[start + draw(st.integers(0, 15)) :]
    return text


def _checked(text: str) -> Plan | PlanProblems:
    try:
        return check_sources({"plan.yaml": text})
    except PlanProblems as problems:
        return problems


@settings(max_examples=50, deadline=None)  # the machine may be busy
@given(_texts())
def test_text_ends_as_a_plan_or_as_problems(text: str) -> None:
    plan = _checked(text)
    if isinstance(plan, PlanProblems):
        assert plan.problems
        assert all(problem.line > 0 and problem.what for problem in plan.problems)
        assert str(plan)
        return
    assert from_json(to_json(plan)) == plan
    for campaign in compile_plan(plan, 1).campaigns.values():
        for contract in campaign.eligible(CALIFORNIAN, campaign.score(CALIFORNIAN)[1]):
            assert contract.price(CALIFORNIAN, "A")[0] >= 0
