"""Each claim of the guarantees page names a test that exists."""

import re

from tests.support.checkout import ROOT

PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
FILES = sorted(set(re.findall(r"`(tests/[\w/]+(?:\.py)?/?)(?:::\w+)?`", PAGE)))
NAMES = sorted(set(re.findall(r"(?:::|`)(test_\w+)`", PAGE)))


def test_a_named_place_exists() -> None:
    assert [name for name in FILES if not (ROOT / name).exists()] == []


def test_a_named_test_exists() -> None:
    files = (ROOT / "tests").rglob("*.py")
    defined = {name for path in files for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))}
    assert [name for name in NAMES if name not in defined] == []


def test_the_page_names_tests() -> None:
    assert len(FILES) > 8
    assert len(NAMES) > 12
