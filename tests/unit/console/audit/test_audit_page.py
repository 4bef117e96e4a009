"""The auditor's page says what the auditor checks."""

from __future__ import annotations

import re

from console.audit.findings import RULES
from console.audit.planting import VIOLATIONS
from tests.support.checkout import ROOT

PAGE = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")


def test_every_rule_is_on_the_page_with_what_it_says() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| ([a-z ]+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert rows == [(str(rule), about.kind, about.says) for rule, about in RULES.items()]


def test_the_page_says_how_many_kinds_are_planted() -> None:
    assert f"{len(VIOLATIONS)} kinds" in PAGE
