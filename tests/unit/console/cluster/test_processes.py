"""Children end with their parent; identities are never a stranger's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from console.cluster.processes import Identity, end, identify, is_running, spawn, stop

ROOT = Path(__file__).resolve().parents[4]
PARENT = """
import sys, time, pathlib
from console.cluster.processes import spawn
child = spawn([sys.executable, "-c", "import time; time.sleep(60)"], output=pathlib.Path(sys.argv[1]))
print(child.pid, flush=True)
time.sleep(60)
"""


def wait_gone(identity: Identity, limit_s: float = 10.0) -> bool:
    deadline = time.monotonic() + limit_s
    while is_running(identity) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_running(identity)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's end")
def test_a_child_ends_with_a_parent_that_was_killed_with_9(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert parent.stdout is not None
    child = identify(int(parent.stdout.readline()))
    assert child is not None
    parent.kill()
    parent.wait(10)
    parent.stdout.close()
    assert wait_gone(child)


def test_ending_a_process_spares_a_stranger_with_its_pid(tmp_path: Path) -> None:
    process = spawn([sys.executable, "-c", "import time; time.sleep(60)"], output=tmp_path / "out")
    mine = identify(process.pid)
    assert mine is not None
    assert not end(mine._replace(started="0"), timeout_s=1)
    assert not end(mine._replace(boot="another boot"), timeout_s=1)
    assert process.poll() is None
    stop(process, timeout_s=5)


def test_a_process_that_ignores_the_request_is_made_to_end(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    process = spawn([sys.executable, "-c", stubborn], output=tmp_path / "out")
    deadline = time.monotonic() + 10
    while "deaf" not in (tmp_path / "out").read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert stop(process, timeout_s=0.3) == -signal.SIGKILL


def test_an_ended_process_is_nobody(tmp_path: Path) -> None:
    process = spawn([sys.executable, "-c", "pass"], output=tmp_path / "out")
    process.wait(10)
    assert identify(process.pid) is None


def test_output_of_a_child_is_kept(tmp_path: Path) -> None:
    for _ in range(2):
        spawn([sys.executable, "-c", "print('said')"], output=tmp_path / "deep" / "out").wait(10)
    assert (tmp_path / "deep" / "out").read_text() == "said\nsaid\n"
