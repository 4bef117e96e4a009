"""The checkout that the tests belong to: theirs, or the one that LEADFLOW_TEST_CHECKOUT names.

CI runs a copy of the tests against the built wheel, away from the sources; what asks about the sources looks there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

import pytest

PACKAGES = ("agents", "config", "console", "schemas", "streams", "tables")

ROOT = Path(os.environ.get("LEADFLOW_TEST_CHECKOUT") or Path(__file__).resolve().parents[2])


def tracked(*paths: str) -> list[Path]:
    """Return the files of the checkout that git knows and that exist, as absolute paths, sorted; `paths` as git's.

    Where git is not installed, or the sources came without their history: those that `.gitignore` does not name.
    """
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return untold(*paths)
    done = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--", *paths], capture_output=True, text=True, check=True, timeout=30
    )
    files = [ROOT / name for name in done.stdout.split("\0") if name]
    return sorted(file for file in files if file.is_file())


def untold(*paths: str) -> list[Path]:
    """Return what `tracked` does without asking git."""
    ignored = [".git", *(line.rstrip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split())]
    found: list[Path] = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not _matches(name, ignored)]
        found += [Path(folder) / name for name in files if not _matches(name, ignored)]
    return sorted(file for file in found if not paths or _matches(file.relative_to(ROOT).as_posix(), paths))


def _matches(name: str, paths: Iterable[str]) -> bool:
    return any(fnmatch(name, path) or name.startswith(f"{path.rstrip('/')}/") for path in paths)


def need(present: object, what: str) -> None:
    """Skip a test when a tool is missing on a developer's machine; fail it in CI, where nothing may be missing."""
    if not present:
        if os.environ.get("CI"):
            pytest.fail(f"{what} is missing, and CI must run everything")
        pytest.skip(f"{what} is not installed")
