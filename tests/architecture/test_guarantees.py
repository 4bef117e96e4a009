"""Each claim of the guarantees page names a test that exists."""

import re

import pytest

from tests.support.checkout import ROOT

PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
FILES = sorted(set(re.findall(r"`(tests/[\w/]+(?:\.py)?/?)(?:::\w+)?`", PAGE)))
NAMES = sorted(set(re.findall(r"(?:::|`)(test_\w+)`", PAGE)))


@pytest.mark.parametrize("name", FILES)
def test_a_named_place_exists(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_named_test_exists(name: str) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    assert re.search(rf"def {name}\b", text)


def test_the_page_names_tests() -> None:
    assert len(FILES) > 8
    assert len(NAMES) > 12
