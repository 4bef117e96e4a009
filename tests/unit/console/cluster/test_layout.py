"""A data folder is laid out once; the ids are new each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.cluster.layout import CHECKPOINT, META, kept_checkpoint, lay_out, new_id


class Tool:
    """Formats as Kafka's tool does, and counts."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.runs = 0

    def __call__(self, cluster_id: str) -> None:
        self.runs += 1
        (self.data / CHECKPOINT).write_bytes(b"levels")
        (self.data / META).write_text(f"cluster.id={cluster_id}\n")


def test_the_tool_runs_once_for_all_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADFLOW_CACHE", str(tmp_path / "cache"))
    metas = []
    for number in range(3):
        data = tmp_path / str(number)
        data.mkdir()
        tool = Tool(data)
        lay_out(data, 1, tool, new_id())
        lay_out(data, 1, tool, new_id())
        assert tool.runs == (1 if number == 0 else 0)
        assert (data / CHECKPOINT).read_bytes() == b"levels" == kept_checkpoint().read_bytes()
        metas.append((data / META).read_text())
    assert len(set(metas)) == 3


def test_ids_are_never_taken_for_options() -> None:
    assert not any(new_id().startswith("-") for _ in range(2000))
