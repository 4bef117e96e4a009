"""Free ports on this machine, and waiting until somebody listens on one."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Sequence

HOST = "127.0.0.1"
"""Always the number: a minimal machine has no hosts file, and nothing of ours is to be seen from outside."""

POLL_S = 0.05


def free_ports(count: int) -> tuple[int, ...]:
    """Return ports that the kernel gave us just now, all different. Another process may still be faster."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return tuple(one.getsockname()[1] for one in sockets)


def are_free(ports: Sequence[int]) -> bool:
    """Tell whether a server could listen on all of these now (connections in TIME_WAIT do not matter)."""
    with contextlib.ExitStack() as held:
        for port in ports:
            one = held.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind((HOST, port))
            except OSError:
                return False
    return True


def wait_listening(port: int, *, deadline: float, still_alive: Callable[[], bool]) -> bool:
    """Wait until something accepts on `port`; False at the monotonic `deadline` or when its process has ended."""
    while time.monotonic() < deadline and still_alive():
        try:
            with socket.create_connection((HOST, port), timeout=1):
                return True
        except OSError:
            time.sleep(POLL_S)
    return False
