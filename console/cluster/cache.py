"""The per-user cache folder: downloads and other things that can be made again, shared by all checkouts."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from console.cluster.problems import ClusterProblem

LOCK_WAIT_S = 600.0
"""A cold download takes well under a minute; whoever waits ten has a twin that hangs."""

LOCK_POLL_S = 0.1


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the cache folder: LEADFLOW_CACHE, else XDG_CACHE_HOME/leadflow, else ~/.cache/leadflow. Not created."""
    if chosen := environ.get("LEADFLOW_CACHE"):
        return Path(chosen).expanduser()
    if base := environ.get("XDG_CACHE_HOME"):
        return Path(base) / "leadflow"
    return Path(environ.get("HOME") or Path.home()) / ".cache" / "leadflow"


@contextlib.contextmanager
def exclusive(lock_file: Path, *, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """Hold `lock_file` alone among all processes of this machine; a holder that dies lets go by itself.

    Raises:
        ClusterProblem: another process held it for longer than `wait_s`, or it cannot be written.
    """
    deadline = time.monotonic() + wait_s
    with _opened(lock_file) as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    message = f"{lock_file} has been held by another process for {wait_s:.0f} s: end that one first"
                    raise ClusterProblem(message) from None
                time.sleep(LOCK_POLL_S)
        yield


def _opened(lock_file: Path) -> IO[str]:
    _make(lock_file.parent)
    try:
        return lock_file.open("a")
    except OSError as error:
        raise _not_writable(lock_file.parent, error) from None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(folder, error) from None


def _not_writable(folder: Path, error: OSError) -> ClusterProblem:
    why = error.strerror or "it is no folder"
    return ClusterProblem(f"{folder} cannot be written to ({why}): point LEADFLOW_CACHE at a folder of yours")


def needs_free_space(folder: Path, needed_bytes: int) -> None:
    """Refuse early what would fill the disk half way. Raises ClusterProblem naming folder, need and rest."""
    _make(folder)
    stat = os.statvfs(folder)
    free_bytes = stat.f_bavail * stat.f_frsize
    if free_bytes < needed_bytes:
        raise ClusterProblem(
            f"{folder} has {free_bytes >> 20} MiB free, {needed_bytes >> 20} MiB are needed:"
            " free some, or point LEADFLOW_CACHE at a larger disk"
        )
