"""Tracked files name no package registry, no folder of one machine, and this machine by its number alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.checkout import ROOT, tracked

REGISTRIES = (
    r"pypi\.org",
    r"pythonhosted\.org",
    r"maven\.(?:org|apache\.org)",
    r"registry\.npmjs",
    r"golang\.org/",
    r"crates\.io",
    r"(?:docker|ghcr|quay|gcr)\.io",
    r"registry-1\.docker",
)
MACHINE_PATHS = (r"(?<![\w.])/(?:work|root|Users)/", r"(?<![\w.])/home/\w")
NAMED_HOST = r"local" + r"host"

FORBIDDEN = re.compile("|".join((*REGISTRIES, *MACHINE_PATHS, NAMED_HOST)))


THIS_FILE = Path("tests/architecture/test_texts.py")


def test_tracked_files_are_of_no_machine_and_no_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match.group()}"
        for path in tracked()
        if path.relative_to(ROOT) != THIS_FILE
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        for match in FORBIDDEN.finditer(line)
    ]
    assert found == []


@pytest.mark.parametrize("name", ["pypi.org/simple", "http://localhost:9092", "see /work/x", "docker.io/valkey"])
def test_the_guard_sees_what_it_is_for(name: str) -> None:
    assert FORBIDDEN.search(name)


@pytest.mark.parametrize("name", ["network/", "valkey/valkey:9-alpine", "127.0.0.1", "a/home/page"])
def test_the_guard_lets_the_rest_be(name: str) -> None:
    assert not FORBIDDEN.search(name)
