"""What claiming asks of Redis: a handful of atomic steps. `RedisStore` runs them as one script on the server.

`memory_store.py` keeps the same promises in memory, for simulations; one suite of tests holds both to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any, NamedTuple, Protocol

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from agents.dedup.keys import Row
from schemas.errors import Unavailable

#: A healthy call takes 4 ms for 500 leads; one that takes this long means that Redis is not well.
CALL_TIMEOUT_S = 0.2


class Seal(NamedTuple):
    """A generation of claims as a worker knows it: the sentinel's exact bytes, and the server it is on."""

    token: bytes
    run_id: str


class Seen(NamedTuple):
    """What the store holds of the generation: the sentinel's bytes, the server, who rebuilds and how far it is."""

    token: bytes | None
    run_id: str
    rebuilding: str


class Found(NamedTuple):
    """Why a row may not pass: `key` 0 is the lead_id, 1 the first of the row's keys; `value` is who claimed it."""

    row: int
    key: int
    value: str


class Store(Protocol):
    """Claims and their generation. Every step is atomic, takes at most a set time, and raises Unavailable."""

    def look(self) -> Seen:
        """Return the state of the generation. Raises Unavailable also when claims could be evicted."""
        ...

    def claim(self, seal: Seal, rows: Sequence[Row]) -> list[Found] | None:
        """Judge the rows in order and claim those that pass; None, and nothing is claimed: the seal is broken.

        A row may not pass when its lead_id was claimed by another record, or one of its keys within its window. A
        record's own claims never stand in its way.
        """
        ...

    def restore(self, seal: Seal, rows: Sequence[Row]) -> bool:
        """Claim the rows without judging; False: the seal is broken."""
        ...

    def holds(self, seal: Seal) -> bool:
        """Say whether the generation is still this one, on this server."""
        ...

    def swap(self, expected: bytes | None, run_id: str, new: bytes) -> bool:
        """Replace the sentinel; False when it is not the expected one, or the server is another."""
        ...

    def lock(self, owner: str, ttl_ms: int, progress: str) -> bool:
        """Take or renew the right to rebuild, and say how far it is; False when another has it."""
        ...

    def unlock(self, owner: str) -> None:
        """Give up the right to rebuild, if it is this owner's."""
        ...


def connect(url: str, timeout_s: float = CALL_TIMEOUT_S) -> redis.Redis:
    """Return a client that never waits long and never retries on its own: the stage rests and tries again."""
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )


class RedisStore:
    """The store on a Redis or Valkey server (7 or later), alone or with replicas; not on a sharded cluster.

    `prefix` goes before every key. Safe in two threads.
    """

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client = client
        self._prefix = f"{prefix}dedup:"
        self._keys = [f"{self._prefix}generation", f"{self._prefix}rebuilder"]
        self._script = client.register_script(files("agents.dedup").joinpath("claims.lua").read_bytes())
        self._found = msgspec.msgpack.Decoder(list[Found])

    def look(self) -> Seen:
        """See `Store.look`; claims must never be evicted, so any other policy than noeviction is refused."""
        token, run_id, rebuilding = self._run("look")
        self._refuse_eviction()
        return Seen(token, run_id.decode(), (rebuilding or b"").decode())

    def claim(self, seal: Seal, rows: Sequence[Row]) -> list[Found] | None:
        """See `Store.claim`."""
        packed = self._run("claim", *seal, self._prefix, msgspec.msgpack.encode(rows))
        return None if packed is None else self._found.decode(packed)

    def restore(self, seal: Seal, rows: Sequence[Row]) -> bool:
        """See `Store.restore`."""
        return bool(self._run("restore", *seal, self._prefix, msgspec.msgpack.encode(rows)))

    def holds(self, seal: Seal) -> bool:
        """See `Store.holds`."""
        return bool(self._run("check", *seal))

    def swap(self, expected: bytes | None, run_id: str, new: bytes) -> bool:
        """See `Store.swap`."""
        return bool(self._run("swap", expected or b"", run_id, new))

    def lock(self, owner: str, ttl_ms: int, progress: str) -> bool:
        """See `Store.lock`."""
        return bool(self._run("lock", owner, ttl_ms, progress))

    def unlock(self, owner: str) -> None:
        """See `Store.unlock`."""
        self._run("unlock", owner)

    def _run(self, step: str, *arguments: str | bytes | int) -> Any:
        """Run one step of claims.lua and return what that page says it returns."""
        try:
            return self._script(keys=self._keys, args=[step, *arguments])
        except redis.RedisError as error:
            raise Unavailable(f"Redis does not answer: {_told(error)}") from error

    def _refuse_eviction(self) -> None:
        try:
            memory = self._client.info("memory")
        except redis.RedisError as error:
            raise Unavailable(f"Redis does not answer: {_told(error)}") from error
        policy = memory.get("maxmemory_policy", "noeviction")
        if memory.get("maxmemory", 0) and policy != "noeviction":
            raise Unavailable(f"Redis may drop claims (maxmemory-policy {policy}); set it to noeviction")


def _told(error: redis.RedisError) -> str:
    """Return what went wrong on one line; no key or value that we send tells of a person, and none is quoted."""
    return f"{type(error).__name__}: {str(error).splitlines()[0][:200]}" if str(error) else type(error).__name__
