"""Jars: whatever the repository sends, only bytes of the lock are used."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from console.cluster import jars
from console.cluster.jars import Jar, class_path, locked_jars
from console.cluster.problems import DownloadFailed

CONTENT = b"the jar"
JAR = Jar("group", "artifact", "1.0", hashlib.sha256(CONTENT).hexdigest())


class Repository:
    """Sends the given contents one after the other, the last one for ever; counts."""

    def __init__(self, *contents: bytes | Exception) -> None:
        self.contents = list(contents)
        self.asked = 0

    def __call__(self, jar: Jar, folder: Path) -> Path:
        self.asked += 1
        content = self.contents.pop(0) if len(self.contents) > 1 else self.contents[0]
        if isinstance(content, Exception):
            raise content
        folder.mkdir(parents=True)
        (folder / jar.file_name).write_bytes(content)
        return folder / jar.file_name


def install(monkeypatch: pytest.MonkeyPatch, *contents: bytes | Exception) -> Repository:
    repository = Repository(*contents)
    monkeypatch.setattr(jars, "_download", repository)
    return repository


def test_the_committed_lock_is_whole() -> None:
    locked = locked_jars()
    assert len(locked) == 46
    assert len({jar.file_name for jar in locked}) == 46
    assert all(len(jar.sha256) == 64 for jar in locked)


def test_a_bad_line_of_the_lock_is_named() -> None:
    with pytest.raises(DownloadFailed, match="line 2"):
        locked_jars("a:b:1 00\nnonsense\n")


def test_a_second_look_touches_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = install(monkeypatch, CONTENT)
    seen: list[tuple[int, int]] = []
    first = class_path(lambda done, total: seen.append((done, total)), folder=tmp_path, jars=[JAR])
    assert class_path(folder=tmp_path, jars=[JAR]) == first == (tmp_path / "artifact-1.0.jar",)
    assert repository.asked == 1
    assert seen == [(1, 1)]


def test_a_truncated_jar_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, CONTENT)
    (tmp_path / JAR.file_name).write_bytes(CONTENT[:3])
    class_path(folder=tmp_path, jars=[JAR])
    assert (tmp_path / JAR.file_name).read_bytes() == CONTENT


def test_wrong_bytes_are_refused_and_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, b"evil")
    with pytest.raises(DownloadFailed, match=r"group:artifact:1\.0.*not those of jars\.lock"):
        class_path(folder=tmp_path, jars=[JAR])
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_failed_download_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = install(monkeypatch, ConnectionError("reset"), CONTENT)
    class_path(folder=tmp_path, jars=[JAR])
    assert repository.asked == 2


def test_what_a_killed_process_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, CONTENT)
    (tmp_path / "incoming-dead").mkdir()
    (tmp_path / "incoming-dead" / "half.jar").write_bytes(b"ha")
    class_path(folder=tmp_path, jars=[JAR])
    assert not (tmp_path / "incoming-dead").exists()
