"""Every refusal of the checker, with its whole text and line; the cases are in `refusals.txt`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from config.plan import PlanProblems, check_sources
from tests.unit.plan.samples import REFERENCE, changed


class Refusal(NamedTuple):
    """A change to the reference plan, and what the check says of it."""

    old: str
    new: str
    problems: list[str]


def _cases() -> list[Refusal]:
    text = (Path(__file__).parent / "refusals.txt").read_text()
    blocks = [block.splitlines() for block in text.split("\n\n") if not block.startswith("#")]
    return [Refusal(_part(block, "-"), _part(block, "+"), _part(block, ">").splitlines()) for block in blocks]


def _part(block: list[str], sign: str) -> str:
    return "\n".join(line[2:] for line in block if line.startswith(sign))


def _refused(sources: dict[str, str], retention_days: int = 90, memory_days: int = 30) -> list[str]:
    with pytest.raises(PlanProblems) as caught:
        check_sources(sources, retention_days, memory_days)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case.new.strip()[:60])
def test_is_refused_with_line_what_and_remedy(case: Refusal) -> None:
    problems = _refused({"plan.yaml": changed((case.old, case.new))})
    assert [problem.removeprefix("plan.yaml:") for problem in problems] == case.problems


def test_tells_all_problems_at_once_in_the_order_of_lines() -> None:
    text = changed(("currency: USD", "currency: usd"), ("weight: 3", "weight: 0"), ("tests: false", "tests: NO"))
    assert [problem.split(":")[1] for problem in _refused({"plan.yaml": text})] == ["3", "34", "42"]


def test_error_shows_every_problem_and_counts_those_beyond_the_limit() -> None:
    buyers = "".join(f"  b{n}: {{}}\n" for n in range(60))
    text = REFERENCE[: REFERENCE.index("buyers:")] + "buyers:\n" + buyers
    with pytest.raises(PlanProblems) as caught:
        check_sources({"plan.yaml": text})
    assert len(caught.value.problems) == 360
    assert str(caught.value).splitlines()[-1] == "... and 160 more"


def test_window_for_duplicates_is_held_against_the_retention_that_is_set() -> None:
    assert _refused({"plan.yaml": REFERENCE}, retention_days=14) == [
        "plan.yaml:17: campaigns.solar-us.dedupe.within: `30d` is too long; "
        "the most is 14d: leads are kept for 14 days, and duplicates are found among those"
    ]


def test_grade_is_refused_where_the_campaign_has_no_scoring() -> None:
    scoring = REFERENCE[REFERENCE.index("    scoring:") : REFERENCE.index("    distribution:")]
    problems = _refused({"plan.yaml": REFERENCE.replace(scoring, "")})
    assert problems[0].endswith(
        "the grade cannot be tested here; campaign solar-us has no scoring: "
        "add `scoring` with grades, or leave the grade out"
    )
    assert len(problems) == 4


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "leadflow\n", "# nothing\n", "---\n---\n"])
def test_file_that_is_no_mapping_is_refused(text: str) -> None:
    assert len(_refused({"plan.yaml": text})) == 1


def test_empty_sections_are_refused() -> None:
    text = "leadflow: 1\ncurrency: USD\ncampaigns: {}\nsuppliers: {}\nbuyers: {}\n"
    assert _refused({"plan.yaml": text}) == [
        "plan.yaml:3: campaigns: there is no campaign; add one",
        "plan.yaml:4: suppliers: there is no supplier; add one: without it no lead can come in",
        "plan.yaml:5: buyers: there is no buyer; add one",
    ]


def test_what_owners_remember_bounds_how_long_a_lead_is_for_sale() -> None:
    text = changed(("sell_within: 15m", "sell_within: 161h"))
    why = "`161h` is too long; the most is 160h: buyers' owners remember a lead for 20 days, three times as long"
    assert _refused({"plan.yaml": text}, memory_days=20) == [f"plan.yaml:18: campaigns.solar-us.sell_within: {why}"]
    check_sources({"plan.yaml": text}, memory_days=21)


@pytest.mark.parametrize(
    "pattern", [r"(a+)+", r"((\\w)+ ?)+", r"(a|(b*))*", r"(?:x{1,9}y){2,}", r"((a+)b)*", r"([+]+)*", r"(\\d+){9}"]
)
def test_a_pattern_that_can_take_for_ever_is_refused(pattern: str) -> None:
    (problem,) = _refused(
        {"plan.yaml": changed(("{type: url, required: true}", f'{{type: url, pattern: "{pattern}"}}'))}
    )
    assert "repeats a group that repeats" in problem


@pytest.mark.parametrize(
    "pattern", [r"(\\d{3}-){2}\\d{4}", r"[(*+)]+", r"\\(a+\\)+", r"(a+)b*", r"(cat|dog)+", r"(a?b)+", "[]+)]+"]
)
def test_a_pattern_without_a_repeat_in_a_repeat_is_taken(pattern: str) -> None:
    check_sources({"plan.yaml": changed(("{type: url, required: true}", f'{{type: url, pattern: "{pattern}"}}'))})
