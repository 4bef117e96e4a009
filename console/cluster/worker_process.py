"""One worker as a child process: the same `leadflow worker` that a person would start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from console.cluster import processes
from console.cluster.ports import HOST, are_free, free_ports

STOP_TIMEOUT_S = 20.0
"""A worker ends its epoch and leaves its group; 8 s is the longest that one commit may take."""

CODE = Path(__file__).resolve().parents[2]
"""The folder that holds the packages."""

LOOK_TIMEOUT_S = 2.0
LOG_TAIL_LINES = 8
LOG_BYTES_MAX = 16 << 20
"""A longer log is moved aside at the next start; one old log is kept."""


class Readiness(NamedTuple):
    """What a worker answers when asked whether it is ready; `answer` is its JSON, empty when it did not answer."""

    ready: bool
    reasons: tuple[str, ...]
    answer: Mapping[str, object]


class WorkerProcess:
    """A worker that owns `folder` (log, web port). `environ` is asked at each start: addresses may have changed."""

    def __init__(self, name: str, folder: Path, environ: Callable[[], Mapping[str, str]]) -> None:
        self.name = name
        self.folder = folder
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self._web_port = 0

    @property
    def log_file(self) -> Path:
        """Everything that the worker prints."""
        return self.folder / "worker.log"

    @property
    def web_port(self) -> int:
        """Its web port, 0 before the first start; kept over restarts if it can be had again."""
        return self._web_port

    @property
    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def exit_code(self) -> int | None:
        """Return the last process's exit code (negative: a signal), None while it runs or before it did."""
        return self._process.poll() if self._process else None

    def launch(self) -> None:
        """Start the process without waiting for it; a running one is left alone."""
        if self.pid is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_BYTES_MAX:
            self.log_file.replace(self.log_file.with_suffix(".old.log"))
        if not (self._web_port and are_free([self._web_port])):
            (self._web_port,) = free_ports(1)
        self._process = processes.spawn(
            [sys.executable, "-m", *self._module(), "--name", self.name],
            output=self.log_file,
            environ=self._environment(),
        )

    def _module(self) -> tuple[str, ...]:
        """Return the module that runs a worker, and its arguments before the name."""
        return ("console", "worker")

    def _environment(self) -> dict[str, str]:
        """Return the environment of the child; it runs the code that we run, installed or not."""
        given = self._environ()
        path = os.pathsep.join(filter(None, (str(CODE), given.get("PYTHONPATH"))))
        own = {"LEADFLOW_NAME": self.name, "LEADFLOW_WEB_PORT": str(self._web_port), "PYTHONPATH": path}
        return {**given, **own}

    def readiness(self) -> Readiness:
        """Ask the worker's web port. Waits at most `LOOK_TIMEOUT_S`; no answer is a reason too."""
        if self.pid is None:
            return Readiness(False, ("it is not running",), {})
        return ask_readiness(self._web_port)

    def stop(self, *, timeout_s: float = STOP_TIMEOUT_S) -> int | None:
        """Let it finish its epoch, by force after `timeout_s`. Returns the exit code, None if never started."""
        return None if self._process is None else processes.stop(self._process, timeout_s=timeout_s)

    def suspend(self) -> None:
        """Freeze the process (SIGSTOP): its connections stay open, and it does nothing."""
        if self._process is not None and self.pid is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        if self._process is not None and self.pid is not None:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill -9 and wait until the process is gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(STOP_TIMEOUT_S)

    def log_tail(self) -> str:
        """Return the last lines of the log."""
        if not self.log_file.exists():
            return ""
        return "\n".join(self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:])


def ask_readiness(web_port: int) -> Readiness:
    """Ask `/health/ready` of the worker on this port of this machine. 200 is ready, anything else is not."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{web_port}/health/ready", timeout=LOOK_TIMEOUT_S) as response:
            return Readiness(True, (), _json(response.read()))
    except urllib.error.HTTPError as error:
        with error:
            answer = _json(error.read())
    except (OSError, ValueError):
        return Readiness(False, ("its web port does not answer",), {})
    reasons = answer.get("reasons")
    return Readiness(False, tuple(map(str, reasons)) if isinstance(reasons, list) else (), answer)


def _json(body: bytes) -> dict[str, object]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
