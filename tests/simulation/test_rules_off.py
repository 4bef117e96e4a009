"""The simulation bites: with one protective rule off, a seed fails; with all rules on, the same seed holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.simulation.rules_off import RULES, look
from console.simulation.runs import run
from console.simulation.scenario import Scenario
from console.simulation.switching_off import Rule

#: Seeds that are tried when the known one does not notice: a step more or less in the product makes it another run.
OTHERS = 60


def test_there_are_many_rules_each_named_once() -> None:
    assert len(RULES) >= 18
    assert len({rule.name for rule in RULES}) == len({rule.off for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_that_is_off_is_missed(rule: Rule) -> None:
    found = look(rule, range(OTHERS))
    assert found.seed is not None, f"{rule.says}: {OTHERS} seeds of the weather {rule.weather!r} have not noticed"
    assert found.finding
    clean = run(replace(Scenario(found.seed), weather=rule.weather))
    assert clean.findings == []
