"""The page about simulation names every rule that can be switched off, with its seed, and every weather."""

from __future__ import annotations

from console.simulation.rules_off import RARE, RULES
from console.simulation.scenario import WEATHERS
from tests.support.checkout import ROOT

PAGE = (ROOT / "docs" / "simulation.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_code() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `") and line.count("|") == 7]
    cells = [[cell.strip(" `") for cell in row.split("|")] for row in rows]
    named = {(name, weather): seed for _, name, _, _, weather, seed, *_ in cells}
    assert set(named) == {(rule.name, rule.weather) for rule in (*RULES, *RARE)}
    assert {key: named[key] for key in ((rule.name, rule.weather) for rule in RULES)} == {
        (rule.name, rule.weather): str(rule.seed) for rule in RULES
    }


def test_every_weather_is_named() -> None:
    assert [name for name in WEATHERS if f"`{name}`" not in PAGE] == []
