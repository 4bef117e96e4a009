"""Our packages have generic names, so guards keep the flat layout honest."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

from console.cli import VERSION
from tests.support.checkout import PACKAGES, ROOT, need, tracked


def test_no_other_distribution_owns_one_of_our_names() -> None:
    owners = packages_distributions()
    assert {name: set(owners.get(name, [])) - {"leadflow"} for name in PACKAGES} == {name: set() for name in PACKAGES}


def test_the_wheel_holds_exactly_the_tracked_files_of_our_packages(tmp_path: Path) -> None:
    need(importlib.util.find_spec("hatchling"), "hatchling")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=100,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        packed = {name for name in content.namelist() if ".dist-info/" not in name}
    assert packed == {str(path.relative_to(ROOT)) for path in tracked(*PACKAGES)}


def test_pyproject_packs_exactly_our_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert sorted(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == sorted(PACKAGES)
    assert "Private :: Do Not Upload" in project["project"]["classifiers"]
    assert project["project"]["version"] == VERSION


def test_locks_pin_every_package_with_hashes() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
        pins = [number for number, line in enumerate(lines) if line and not line.startswith((" ", "#"))]
        assert pins
        for number in pins:
            assert "==" in lines[number]
            assert "--hash=sha256:" in lines[number + 1]
