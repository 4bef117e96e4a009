"""How much waits for the workers, as `leadflow status` tells it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from console import work_left
from console.reach import Reach
from console.work_left import Waiting, left, waiting
from schemas.topics import catalogue
from tests.integration.console.conftest import run
from tests.support.checkout import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "leads.csv"


def test_what_nobody_has_worked_off_waits(way: Reach, demo_plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    way.topic_admin.create(catalogue(), way.sizes)
    assert waiting(way.reader, way.group) == Waiting(Counter(), exact=True)
    assert run("plan", "apply", str(demo_plan), "--yes").exit_code == 0
    done = run("import", str(EXAMPLE), "--campaign", "solar-us", "--supplier", "acme-forms", "--yes")
    assert done.exit_code == 0, done.output
    found = waiting(way.reader, way.group)
    assert found.exact
    assert found.topics["leads.received"] == 12
    assert found.topics.total() == left(way.reader, way.group)
    monkeypatch.setattr(work_left, "COUNTED_MAX", 5)
    much = waiting(way.reader, way.group)
    assert not much.exact
    assert much.topics["leads.received"] == 12
    assert much.topics.total() >= found.topics.total()
