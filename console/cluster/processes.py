"""Child processes that never outlive us, and process identities that are never mistaken for a stranger's.

A pid alone names nobody: it is given out again. Together with its start time and the boot it belongs to it does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import psutil

POLL_S = 0.02

GUARD = """
import ctypes, os, sys
parent, death_signal, argv = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, death_signal, 0, 0, 0)  # PR_SET_PDEATHSIG, kept over exec
if os.getppid() != parent:
    os._exit(1)  # the parent ended before the line above
os.execv(argv[0], argv)
"""
"""Run in the child before the program itself: asks the kernel for a signal when the parent ends.

A `preexec_fn` would do it without the 15 ms, but runs Python between fork and exec of a process full of threads.
Linux alone has this; elsewhere a killed supervisor leaves its children, and the next `up` ends them.
"""

_spawner: ThreadPoolExecutor | None = None
_spawner_guard = threading.Lock()


class Identity(NamedTuple):
    """One process of one boot of this machine; `started` is in the machine's own unit, to be compared only."""

    pid: int
    started: str
    boot: str


def spawn(
    argv: Sequence[str | Path],
    *,
    output: Path,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start a program whose standard output and error are appended to `output`, its input empty.

    It gets `death_signal` when this process ends in whatever way (Linux), and a session of its own, so that
    Ctrl-C in the terminal reaches us alone and we stop the parts in their order.
    """
    command = [sys.executable, "-I", "-S", "-c", GUARD, str(os.getpid()), str(int(death_signal)), *map(str, argv)]

    def start() -> subprocess.Popen[bytes]:
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("ab") as sink:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=dict(environ) if environ is not None else None,
                cwd=folder,
                start_new_session=True,
            )

    return _lasting_thread().submit(start).result()


def _lasting_thread() -> ThreadPoolExecutor:
    """Return the thread that starts all children: the kernel's signal comes when the starting THREAD ends."""
    global _spawner
    with _spawner_guard:
        if _spawner is None:
            _spawner = ThreadPoolExecutor(1, thread_name_prefix="spawner")
        return _spawner


def _forget_thread() -> None:
    global _spawner
    _spawner = None  # threads do not survive a fork


os.register_at_fork(after_in_child=_forget_thread)


def stop(process: subprocess.Popen[bytes], *, timeout_s: float) -> int:
    """Ask a process of `spawn` to end, and make it after `timeout_s`, its own children too.

    Returns its exit code (negative: a signal).
    """
    if process.poll() is None:
        process.terminate()
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # it leads a session of its own, and is not reaped yet
    return process.wait(timeout_s)


def identify(pid: int) -> Identity | None:
    """Return who runs under `pid` now, or None when nobody does (a zombie counts as nobody)."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Identity(pid, _started(pid, process), boot_id())
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return None


def _started(pid: int, process: psutil.Process) -> str:
    """Return the start time; on Linux in ticks since boot, because wall clock time moves when the clock is set."""
    if sys.platform != "linux":
        return str(process.create_time())
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return after_name[19]  # field 22 of proc(5), the name being field 2


def boot_id() -> str:
    """Return what differs between two boots of this machine."""
    if sys.platform == "linux":
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return str(int(psutil.boot_time()))


def is_running(identity: Identity) -> bool:
    """Tell whether exactly this process still runs."""
    return identify(identity.pid) == identity


def end(identity: Identity, *, timeout_s: float) -> bool:
    """End exactly this process: SIGTERM, and SIGKILL after `timeout_s`. Never touches another of the same pid.

    Returns False when it was gone already.
    """
    if not is_running(identity):
        return False
    for number, wait_s in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, timeout_s)):
        _signal(identity, number)
        deadline = time.monotonic() + wait_s
        while is_running(identity):
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
        else:
            return True
    return True


def _signal(identity: Identity, number: signal.Signals) -> None:
    """Send a signal to exactly this process; a pidfd closes the gap between looking and sending where there is one."""
    if hasattr(os, "pidfd_open"):
        try:
            handle = os.pidfd_open(identity.pid)
        except ProcessLookupError:
            return
        try:
            if is_running(identity):
                signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return
        finally:
            os.close(handle)
    elif is_running(identity):
        os.kill(identity.pid, number)
