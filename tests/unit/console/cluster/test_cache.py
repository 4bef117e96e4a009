"""The cache folder: where it cannot be made, that is said with the setting that moves it."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.cluster.cache import exclusive, needs_free_space
from console.cluster.problems import ClusterProblem


def test_a_cache_that_cannot_be_made_is_said_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "jars"
    with pytest.raises(ClusterProblem, match=r"jars cannot be written to \(.+\): point LEADFLOW_CACHE"):
        needs_free_space(folder, 1)
    with (
        pytest.raises(ClusterProblem, match=r"jars cannot be written to \(.+\): point LEADFLOW_CACHE"),
        exclusive(folder / ".lock"),
    ):
        pytest.fail("held a lock that cannot be made")


def test_a_lock_that_is_a_folder_is_said_as_well(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(ClusterProblem, match="LEADFLOW_CACHE"), exclusive(tmp_path / ".lock"):
        pytest.fail("held a lock that cannot be opened")
