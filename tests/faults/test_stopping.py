"""A run of faults or a soak that is told to stop: it says what it has, and nothing of it is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.checkout import ROOT

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(240)]

END_LIMIT_S = 60
LOOK_EVERY_S = 0.1
EXIT_INTERRUPTED = 130


def start(scratch: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `leadflow faults` with `scratch` as the place of its folders; it is killed if a test hangs over it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "console", "faults", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    killer = threading.Timer(2 * END_LIMIT_S, process.kill)
    killer.daemon = True
    killer.start()
    return process


def left_running(scratch: Path) -> list[str]:
    """Return the processes whose command, folder or environment names the scratch folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid():
                continue
            named = (*process.cmdline(), process.cwd(), process.environ().get("LEADFLOW_DATA", ""))
            if any(str(scratch) in each for each in named):
                found.append(process.name())
        except psutil.Error:
            continue
    return found


def until(process: subprocess.Popen[str], text: str) -> Iterator[str]:
    """Yield what it prints until a line holds `text`."""
    assert process.stdout is not None
    for line in process.stdout:
        yield line
        if text in line:
            return
    pytest.fail(f"it ended without saying {text!r}")


@pytest.mark.parametrize(
    ("arguments", "number", "begun"),
    [
        (("run", "rolling-restart"), signal.SIGINT, "[1/1]"),
        (("soak", "--minutes", "2", "--seed", "7"), signal.SIGTERM, " 1. "),
    ],
    ids=["run, Ctrl-C", "soak, SIGTERM"],
)
def test_told_to_stop_it_leaves_nothing_and_keeps_its_figures(
    tmp_path: Path, arguments: tuple[str, ...], number: signal.Signals, begun: str
) -> None:
    scratch, file = tmp_path / "scratch", tmp_path / "figures.json"
    scratch.mkdir()
    process = start(scratch, *arguments, "--json", str(file))
    said = "".join(until(process, begun))
    deadline = time.monotonic() + END_LIMIT_S
    while "java" not in left_running(scratch):
        assert time.monotonic() < deadline, "Kafka was not started"
        time.sleep(LOOK_EVERY_S)
    process.send_signal(number)
    rest, _ = process.communicate(timeout=END_LIMIT_S)
    said += rest
    assert process.returncode == EXIT_INTERRUPTED, said
    assert f"stopping ({number.name})" in said
    assert "Traceback" not in said
    assert left_running(scratch) == []
    assert list(scratch.iterdir()) == [], said
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert figures.get("verdict", "unfinished") == "unfinished"
    assert figures.get("faults", []) == []
