"""What a running one-machine cluster writes into its data folder, for everyone who asks where things are.

DIR/cluster.json     addresses, prefix, who runs: read by the settings for their defaults
DIR/up.lock          held by the supervisor as long as it lives
DIR/hash.key         the secret of the deduplication keys, readable by its owner alone
DIR/intake.paused    there while intake is paused; its text says why
DIR/kafka/  DIR/valkey/  DIR/workers/<name>/
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec

from config.cluster_file import FILE_NAME
from console.cluster.problems import AlreadyRunning, ClusterProblem
from console.cluster.processes import Identity, is_running

LOCK_FILE = "up.lock"
KEY_FILE = "hash.key"
KEY_BYTES = 32


class PartState(msgspec.Struct, frozen=True, kw_only=True):
    """One part as its supervisor sees it."""

    identity: Identity | None = None
    """The process, or None while it is down."""
    restarts: int = 0
    started_at: int = 0
    """Unix ms of the last start; for people."""
    note: str = ""
    """Why it is down or was started again; empty when nothing happened."""


class ClusterState(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `cluster.json`; its first part are settings, see `config.cluster_file`.

    After a clean stop addresses and parts are empty; what is pinned (prefix, group, counts, key) stays.
    """

    kafka: str
    redis: str
    prefix: str
    group: str
    lead_partitions: int
    buyer_partitions: int
    hash_key_file: str | None
    """Relative to the folder; None when the key was given from outside."""
    clock_start: str = ""
    clock_anchor_ms: int = 0
    clock_rate: float = 1.0
    supervisor: Identity | None = None
    parts: dict[str, PartState] = {}
    """By name, in starting order: kafka, valkey, then the workers. Outside parts are not in it."""
    ports: dict[str, int] = {}
    """Web ports of the workers on this machine, by name."""

    def stopped(self) -> ClusterState:
        """Return what is left to say when nothing runs any more."""
        return msgspec.structs.replace(
            self,
            kafka="",
            redis="",
            clock_start="",
            clock_anchor_ms=0,
            clock_rate=1.0,
            supervisor=None,
            parts={},
            ports={},
        )

    def is_supervised(self) -> bool:
        """Tell whether the supervisor that wrote this still lives."""
        return self.supervisor is not None and is_running(self.supervisor)


def read_state(folder: Path) -> ClusterState | None:
    """Return what the folder's cluster last said of itself, None when there is none. It may have died since."""
    try:
        return msgspec.json.decode((folder / FILE_NAME).read_bytes(), type=ClusterState)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise ClusterProblem(f"{folder / FILE_NAME} cannot be read ({error}): stop `leadflow up`, remove it") from None


def write_state(folder: Path, state: ClusterState) -> None:
    """Replace `cluster.json` as a whole: a reader sees the old or the new one."""
    part = folder / f"{FILE_NAME}.part"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(state), indent=2))
    part.replace(folder / FILE_NAME)


@contextlib.contextmanager
def only_supervisor(folder: Path) -> Iterator[None]:
    """Hold the folder for one supervisor. The kernel lets go when its process ends, however it ends.

    Raises:
        AlreadyRunning: another supervisor lives; the message names its pid when it has said it.
        ClusterProblem: the folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK_FILE).open("a")
    except OSError as error:
        raise ClusterProblem(f"{folder} cannot be written to ({error.strerror}): choose another --data") from None
    with lock as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            state = read_state(folder)
            who = f" (pid {state.supervisor.pid})" if state and state.supervisor else ""
            raise AlreadyRunning(
                f"a cluster runs in {folder} already{who}: `leadflow status`, `leadflow down`, or another --data"
            ) from None
        yield


def hash_key_file(folder: Path) -> Path:
    """Return the file with the secret of the deduplication keys, made once: a new one would forget all claims."""
    file = folder / KEY_FILE
    with contextlib.suppress(FileExistsError):
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(secrets.token_hex(KEY_BYTES))
    return file
