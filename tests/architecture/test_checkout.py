"""What belongs to the project is found without git as well: the tests are for whoever has the sources."""

from __future__ import annotations

import shutil

import pytest

from tests.support.checkout import PACKAGES, ROOT, need, tracked, untold


@pytest.mark.parametrize("paths", [(), PACKAGES, ("*.md",), ("*.py", "docs/"), ("README.md",)])
def test_without_git_the_same_files_are_found(paths: tuple[str, ...]) -> None:
    need(shutil.which("git") and (ROOT / ".git").exists(), "git, or the history of the sources,")
    known, found = set(tracked(*paths)), set(untold(*paths))
    assert known
    assert known <= found, "what is new and not added yet may be there as well"
    assert not {".git", ".venv", "__pycache__"} & {part for file in found for part in file.relative_to(ROOT).parts}
