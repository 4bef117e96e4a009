"""The cluster's folder without its servers: leftovers, the disk, the environment of its children."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from config.intake import pause_reason
from config.settings import load_settings
from console.cluster.cluster import Cluster
from console.cluster.processes import identify, spawn
from console.cluster.state import ClusterState, PartState, read_state, write_state

OUTSIDE = {
    "LEADFLOW_KAFKA": "127.0.0.1:1",
    "LEADFLOW_REDIS": "redis://127.0.0.1:2/0",
    "LEADFLOW_HASH_KEY": "a secret of the test's own",
}
MUCH_MIB = "1000000"


def make_cluster(folder: Path, said: list[str], **environ: str) -> Cluster:
    given = {**OUTSIDE, "LEADFLOW_DATA": str(folder), **environ}
    return Cluster(folder, load_settings(given), given, say=said.append)


def test_outside_parts_are_used_and_not_started(tmp_path: Path) -> None:
    with make_cluster(tmp_path, []) as cluster:
        cluster.start_parts()
        assert (cluster.kafka, cluster.redis) == (OUTSIDE["LEADFLOW_KAFKA"], OUTSIDE["LEADFLOW_REDIS"])
        assert cluster.kafka_server is None
        assert cluster.valkey_server is None
        state = read_state(tmp_path)
        assert state is not None
        assert state.is_supervised()
        assert state.hash_key_file is None
    assert not (tmp_path / "hash.key").exists()


def test_a_nearly_full_disk_pauses_intake_and_room_opens_it_again(tmp_path: Path) -> None:
    said: list[str] = []
    with make_cluster(tmp_path, said, LEADFLOW_DISK_FREE_MIN_MIB=MUCH_MIB) as cluster:
        cluster.round()
        reason = pause_reason(tmp_path)
    assert reason is not None
    assert "1000000 MiB are needed" in reason
    assert "intake pauses" in said[-1]

    with make_cluster(tmp_path, said, LEADFLOW_DISK_FREE_MIN_MIB="1") as cluster:
        cluster.round()
    assert pause_reason(tmp_path) is None
    assert "intake goes on" in said[-1]


def test_what_a_killed_supervisor_left_is_ended_and_strangers_are_let_be(tmp_path: Path) -> None:
    left = spawn([sys.executable, "-c", "import time; time.sleep(60)"], output=tmp_path / "out")
    identity = identify(left.pid)
    me = identify(os.getpid())
    assert identity is not None
    assert me is not None
    stranger = me._replace(started="0")
    write_state(
        tmp_path,
        ClusterState(
            kafka="127.0.0.1:1",
            redis="redis://127.0.0.1:2/0",
            prefix="",
            group="leadflow",
            lead_partitions=8,
            buyer_partitions=8,
            hash_key_file=None,
            supervisor=stranger,
            parts={"kafka": PartState(identity=identity), "w1": PartState(identity=stranger)},
        ),
    )
    said: list[str] = []
    with make_cluster(tmp_path, said):
        assert left.wait(10) != 0
    assert len(said) == 1
    assert said[0].startswith("kafka: was left over")


def test_children_find_the_cluster_and_get_no_secret_by_environment(tmp_path: Path) -> None:
    given = {key: value for key, value in OUTSIDE.items() if key != "LEADFLOW_HASH_KEY"}
    given["LEADFLOW_DATA"] = str(tmp_path)
    with Cluster(tmp_path, load_settings(given), given, say=lambda line: None) as cluster:
        cluster.start_parts()
        environ = cluster.environment()
        settings = load_settings(environ)
    assert settings.kafka == OUTSIDE["LEADFLOW_KAFKA"]
    assert "LEADFLOW_HASH_KEY" not in environ
    assert settings.hash_key_bytes == (tmp_path / "hash.key").read_bytes()


def test_a_folder_that_cannot_be_written_does_not_end_the_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, state: ClusterState) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    said: list[str] = []
    with make_cluster(tmp_path, said) as cluster:
        cluster.start_parts()
        monkeypatch.setattr("console.cluster.cluster.write_state", full)
        cluster.supervisor.changed = True
        cluster.round()
        cluster.round()
        assert cluster.supervisor.changed
        monkeypatch.undo()
        cluster.round()
        assert not cluster.supervisor.changed
    assert [line for line in said if "No space left" in line] == said
    assert len(said) == 1
