"""The data folder's files: one supervisor, one secret, a state that others can read."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from config.settings import load_settings
from console.cluster.problems import AlreadyRunning, ClusterProblem
from console.cluster.processes import identify
from console.cluster.state import ClusterState, PartState, hash_key_file, only_supervisor, read_state, write_state


def make_state(**changes: object) -> ClusterState:
    fields = {
        "kafka": "127.0.0.1:1",
        "redis": "redis://127.0.0.1:2/0",
        "prefix": "p.",
        "group": "leadflow",
        "lead_partitions": 3,
        "buyer_partitions": 4,
        "hash_key_file": None,
        "supervisor": identify(os.getpid()),
        "parts": {"kafka": PartState(identity=identify(os.getpid()))},
    }
    return ClusterState(**{**fields, **changes})  # type: ignore[arg-type]


def test_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_state(tmp_path, make_state())
    assert read_state(tmp_path) == make_state()


def test_settings_take_their_defaults_from_it(tmp_path: Path) -> None:
    hash_key_file(tmp_path)
    write_state(tmp_path, make_state(hash_key_file="hash.key"))
    settings = load_settings({"LEADFLOW_DATA": str(tmp_path)})
    assert (settings.kafka, settings.prefix, settings.lead_partitions) == ("127.0.0.1:1", "p.", 3)
    assert settings.hash_key_bytes == (tmp_path / "hash.key").read_bytes()


def test_after_a_clean_stop_only_what_is_pinned_stays(tmp_path: Path) -> None:
    write_state(tmp_path, make_state().stopped())
    settings = load_settings({"LEADFLOW_DATA": str(tmp_path)})
    assert settings.kafka == ""
    assert (settings.prefix, settings.lead_partitions, settings.buyer_partitions) == ("p.", 3, 4)
    state = read_state(tmp_path)
    assert state is not None
    assert not state.is_supervised()


def test_no_folder_means_no_state(tmp_path: Path) -> None:
    assert read_state(tmp_path / "nowhere") is None


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text(json.dumps({"kafka": 5}))
    with pytest.raises(ClusterProblem, match=r"cluster\.json cannot be read"):
        read_state(tmp_path)


def test_a_second_supervisor_is_told_who_has_the_folder(tmp_path: Path) -> None:
    with only_supervisor(tmp_path):
        write_state(tmp_path, make_state())
        with pytest.raises(AlreadyRunning, match=rf"pid {os.getpid()}"), only_supervisor(tmp_path):
            pass
    with only_supervisor(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ClusterProblem, match=r"file/data cannot be written to \(Not a directory\)"),
        only_supervisor(tmp_path / "file" / "data"),
    ):
        pass


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first = hash_key_file(tmp_path).read_text()
    assert hash_key_file(tmp_path).read_text() == first
    assert len(first) == 64
    assert stat.S_IMODE((tmp_path / "hash.key").stat().st_mode) == 0o600
