"""Redis as a simulation sees it: one server for all workers, all ways in which it can fail, and its lock's clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agents.dedup.keys import Row
from agents.dedup.memory_store import MemoryStore
from agents.dedup.rebuild import LOCK_MS
from agents.dedup.store import Found, Seal, Seen
from streams.clock import Clock

#: Called around each step of a worker's store: its name, and "before" or "after".
OnStep = Callable[[str, str], None]


class ClaimServer(MemoryStore):
    """The claims of all workers. The lock of a rebuild ends by itself, as its time to live says."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._lock_ends_ms = 0
        self._replica: tuple[dict[str, str], bytes | None] = ({}, None)

    @property
    def claims(self) -> int:
        """How many keys are claimed."""
        return len(self._claims)

    def replicate(self) -> None:
        """Bring the replica up to date; what is claimed from now on it does not have."""
        self._replica = (dict(self._claims), self._sentinel)

    def fail_over(self) -> None:
        """Let the replica take over: another server, without the last claims."""
        self._claims, self._sentinel = dict(self._replica[0]), self._replica[1]
        self.break_lock()
        self.restart()

    def lock(self, owner: str, ttl_ms: int, progress: str) -> bool:
        """See `Store.lock`."""
        self._expire_lock()
        taken = super().lock(owner, ttl_ms, progress)
        if taken:
            self._lock_ends_ms = self._clock.monotonic_ms() + min(ttl_ms, LOCK_MS)
        return taken

    def look(self) -> Seen:
        """See `Store.look`."""
        self._expire_lock()
        return super().look()

    def _expire_lock(self) -> None:
        if self._clock.monotonic_ms() >= self._lock_ends_ms:
            self.break_lock()


class ClaimClient:
    """One worker's way to the server; implements `Store`. Faults come in by `on_step`."""

    def __init__(self, server: ClaimServer, on_step: OnStep) -> None:
        self._server = server
        self._on_step = on_step

    def look(self) -> Seen:
        """See `Store.look`."""
        self._on_step("redis.look", "before")
        return self._server.look()

    def claim(self, seal: Seal, rows: Sequence[Row]) -> list[Found] | None:
        """See `Store.claim`."""
        self._on_step("redis.claim", "before")
        found = self._server.claim(seal, rows)
        self._on_step("redis.claim", "after")
        return found

    def restore(self, seal: Seal, rows: Sequence[Row]) -> bool:
        """See `Store.restore`."""
        self._on_step("redis.restore", "before")
        restored = self._server.restore(seal, rows)
        self._on_step("redis.restore", "after")
        return restored

    def holds(self, seal: Seal) -> bool:
        """See `Store.holds`."""
        self._on_step("redis.holds", "before")
        held = self._server.holds(seal)
        self._on_step("redis.holds", "after")
        return held

    def swap(self, expected: bytes | None, run_id: str, new: bytes) -> bool:
        """See `Store.swap`."""
        self._on_step("redis.swap", "before")
        swapped = self._server.swap(expected, run_id, new)
        self._on_step("redis.swap", "after")
        return swapped

    def lock(self, owner: str, ttl_ms: int, progress: str) -> bool:
        """See `Store.lock`."""
        self._on_step("redis.lock", "before")
        return self._server.lock(owner, ttl_ms, progress)

    def unlock(self, owner: str) -> None:
        """See `Store.unlock`."""
        self._on_step("redis.unlock", "before")
        self._server.unlock(owner)
