"""Kafka's jars: fetched by the lock beside this file, each hash checked before use, kept in the cache folder.

jgo knows where the public repository is and only downloads here. It trusts a half-written file and cannot run
twice at once in one folder, so everything arrives in a folder of its own, is hashed, and is moved into place.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from console.cluster.cache import cache_dir, exclusive, needs_free_space
from console.cluster.problems import DownloadFailed

Progress = Callable[[int, int], None]
"""Called with (jars ready, jars in all) after each jar; from one thread at a time."""

THREADS = 8
ATTEMPTS = 3
READ_TIMEOUT_S = 30
FREE_BYTES_NEEDED = 150 << 20
"""45 MB of jars, twice at most while they arrive, and some air."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Name in the cache folder; unique within the lock, which a test checks."""
        return f"{self.artifact}-{self.version}.jar"


def lock_text() -> str:
    """Return the committed lock: lines `group:artifact:version sha256`, sorted."""
    return files("console.cluster").joinpath("jars.lock").read_text(encoding="utf-8")


def locked_jars(text: str | None = None) -> tuple[Jar, ...]:
    """Read the lock, in its order.

    Raises:
        DownloadFailed: a line is not `group:artifact:version sha256`; the message names it.
    """
    jars = []
    for number, line in enumerate((lock_text() if text is None else text).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            coordinates, sha256 = line.split()
            group, artifact, version = coordinates.split(":")
        except ValueError:
            raise DownloadFailed(f"jars.lock line {number} is not 'group:artifact:version sha256': {line!r}") from None
        jars.append(Jar(group, artifact, version, sha256))
    return tuple(jars)


def class_path(
    progress: Progress | None = None, *, folder: Path | None = None, jars: Sequence[Jar] | None = None
) -> tuple[Path, ...]:
    """Return the jars of the lock as verified files, downloading what is missing or damaged.

    Safe against any number of processes at once, and against being killed at any moment. Without a missing jar
    the network is not touched; all files are hashed each time (45 MB, about 0.03 s).

    Args:
        progress: told about each jar; may be called from this thread only.
        folder: where the jars live; default `jars` in the cache folder.
        jars: what to fetch; default the committed lock.

    Raises:
        DownloadFailed: a jar could not be had, or its bytes are not those of the lock (nothing of it is kept).
        ClusterProblem: the disk is too full, or another process holds the folder too long.
    """
    wanted = locked_jars() if jars is None else tuple(jars)
    target = folder or cache_dir() / "jars"
    missing = [jar for jar in wanted if not _intact(target / jar.file_name, jar.sha256)]
    if missing:
        needs_free_space(target, FREE_BYTES_NEEDED)
        with exclusive(target / ".lock"):
            missing = [jar for jar in wanted if not _intact(target / jar.file_name, jar.sha256)]
            _fetch_all(missing, target, progress, ready=len(wanted) - len(missing), total=len(wanted))
    return tuple(target / jar.file_name for jar in wanted)


def _intact(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _fetch_all(missing: Sequence[Jar], target: Path, progress: Progress | None, *, ready: int, total: int) -> None:
    """Download into a folder of this process, then move each verified jar into place.

    Folders left by killed processes are removed: the caller holds the lock, so no other is at work.
    """
    for left in target.glob("incoming-*"):
        shutil.rmtree(left, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix="incoming-", dir=target) as incoming,
        ThreadPoolExecutor(THREADS, thread_name_prefix="jars") as pool,
    ):
        waiting = [pool.submit(_fetch, jar, Path(incoming), target) for jar in missing]
        try:
            for done, future in enumerate(as_completed(waiting), start=ready + 1):
                future.result()
                if progress:
                    progress(done, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _fetch(jar: Jar, incoming: Path, target: Path) -> None:
    """Download one jar, at most `ATTEMPTS` times, verify it and move it into `target`."""
    problem = ""
    for attempt in range(ATTEMPTS):
        try:
            arrived = _download(jar, incoming / str(attempt))
        except Exception as error:  # jgo and requests raise many kinds; each means: not arrived
            problem = f"{type(error).__name__}: {error}"
            continue
        if _intact(arrived, jar.sha256):
            arrived.replace(target / jar.file_name)
            return
        problem = "its bytes are not those of jars.lock"
    raise DownloadFailed(
        f"{jar.group}:{jar.artifact}:{jar.version} could not be fetched from the public Maven repository"
        f" ({problem}). Check the network, and REQUESTS_CA_BUNDLE if a proxy of yours signs; then run it again."
    )


def _download(jar: Jar, folder: Path) -> Path:
    """Let jgo bring one file into a repository folder of its own; its checksum warnings are ours to judge."""
    from jgo.maven import MavenContext  # 0.4 s, and only needed when something is missing

    logging.getLogger("jgo").setLevel(logging.ERROR)
    context = MavenContext(repo_cache=folder, timeout=READ_TIMEOUT_S)
    return Path(context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())
