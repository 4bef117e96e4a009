"""What a condition names is spelled as leads' values are read; anything else would never hold, and is refused."""

from __future__ import annotations

import pytest

from agents.dedup.fields import compile_field
from agents.dedup.text import Wrong, clean
from config.plan import PlanProblems
from config.plan.model import FieldRule
from config.plan.postal import written_beginning
from config.plan.values import canonical
from tests.support.chance import any_text, draws
from tests.unit.plan.samples import plan

ZIP, ACCEPT = "postal_code:  {type: us_zip, required: true}", "accept: {state: [AZ, CA, NV], grade: [A, B]}"


def refused(region: str, test: str) -> list[str]:
    """Return what is said of a condition on postal codes of a region."""
    kind = f"{{type: postal_code, region: {region}}}" if region else "{type: postal_code}"
    try:
        plan((ZIP, f"postal_code: {kind}"), (ACCEPT, f"accept: {{postal_code: {test}}}"))
    except PlanProblems as error:
        return [f"{problem.what}; {problem.fix}" for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("region", "test"),
    [
        ("CA", "[k1a 0b1, K1A 0B2]"),
        ("CA", "{starts_with: [K, k1a, K1A 0]}"),
        ("GB", "[SW1A 1AA]"),
        ("GB", "{starts_with: [SW1A 1, M1]}"),
        ("US", "[90210, 90210-1234]"),
        ("PL", "{starts_with: [00, 00-9]}"),
        ("", "[AB-12 3]"),
    ],
)
def test_codes_as_the_post_writes_them_are_taken(region: str, test: str) -> None:
    assert refused(region, test) == []


@pytest.mark.parametrize(
    ("region", "test", "said"),
    [
        ("CA", "K1A0B1", ["`K1A0B1` is no lead's value: codes are read as the post writes them; write `K1A 0B1`"]),
        ("CA", "[90210]", ["`90210` is not a postal code of CA; write it as the post does"]),
        ("PL", "00950", ["`00950` is no lead's value: codes are read as the post writes them; write `00-950`"]),
        ("", "a_b", ["`a_b` is not a postal code; write it as the post does"]),
        (
            "CA",
            "{starts_with: K1A0}",
            ["`K1A0` is no lead's value: codes are read as the post writes them; write `K1A 0`"],
        ),
    ],
)
def test_codes_that_no_lead_has_are_refused(region: str, test: str, said: list[str]) -> None:
    assert refused(region, test) == said


@pytest.mark.parametrize(
    ("region", "given", "written"),
    [
        ("CA", "k1", "K1"),
        ("CA", "k1a-0b", "K1A 0B"),
        ("NL", "1012A", "1012 A"),
        ("GB", "sw1a1", "SW1A1"),
        ("", "a-", "A-"),
    ],
)
def test_the_beginning_of_a_code(region: str, given: str, written: str) -> None:
    assert written_beginning(region, given) == written


@pytest.mark.parametrize("type_", ["text", "postal_code"])
def test_whatever_a_condition_may_name_a_lead_can_have(type_: str) -> None:
    rule = FieldRule("x", type_)
    read = compile_field(rule).read
    taken = 0
    for seed, draw in draws(400):
        text = any_text(draw, draw.choice((1, 2, 5, 12)))
        value, what, fix = canonical(rule, text)
        if what:
            assert fix, f"seed {seed}"
            continue
        try:
            assert read(value).casefold() == value.casefold(), f"seed {seed}"
        except Wrong:
            with pytest.raises(Wrong):  # the plan's reader of texts has refused control characters before
                clean(value)
            continue
        taken += 1
    assert taken > 10
