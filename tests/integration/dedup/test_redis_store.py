"""The claim store on a real Valkey: the promises of every store, and what only a server can do to them."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator

import pytest
import redis

from agents.dedup.keys import Row
from agents.dedup.memory_store import MemoryStore
from agents.dedup.store import RedisStore, Seal, connect
from console.cluster.valkey import ValkeyServer
from schemas.errors import Unavailable
from tests.unit.agents.dedup.store_suite import StoreSuite, row, sealed
from tests.unit.agents.intake import DAY, NOW


@pytest.fixture
def client(valkey: str) -> Iterator[redis.Redis]:
    with connect(valkey, 2.0) as client:
        yield client


@pytest.fixture
def store(client: redis.Redis, prefix: str) -> RedisStore:
    return RedisStore(client, prefix)


class TestRedisStore(StoreSuite):
    """See `StoreSuite`."""


@pytest.mark.parametrize("seed", range(20))
def test_the_script_and_the_store_in_memory_judge_alike(store: RedisStore, seed: int) -> None:
    draw = random.Random(seed)
    memory = MemoryStore()
    real_seal, memory_seal = sealed(store), sealed(memory)
    for _ in range(30):
        rows = [_any_row(draw) for _ in range(draw.randrange(1, 8))]
        if draw.random() < 0.2:
            assert store.restore(real_seal, rows) == memory.restore(memory_seal, rows)
        else:
            assert store.claim(real_seal, rows) == memory.claim(memory_seal, rows)


def _any_row(draw: random.Random) -> Row:
    """Return a row that is often like another: few leads, few keys, received within or beyond a window."""
    keys = draw.sample(["e1", "e2", "e3", "p1", "p2"], draw.randrange(0, 3))
    window = draw.choice([DAY, 3 * DAY])
    at = NOW + draw.randrange(-4, 5) * DAY
    lead, offset = draw.choice([("", draw.randrange(12)), (f"l{draw.randrange(4)}", draw.randrange(12))])
    return row(offset, *keys, lead=lead, at=at, window=window, partition=draw.randrange(2))


def test_every_key_has_the_prefix_and_an_end(client: redis.Redis, store: RedisStore, prefix: str) -> None:
    store.claim(sealed(store), [row(1, "e1", "p1", window=30 * DAY)])
    store.lock("me", 5000, "0 %")
    lasting = {}
    for key in client.scan_iter(f"{prefix}*"):
        lasting[key.decode().removeprefix(f"{prefix}dedup:")] = client.pttl(key)
    assert lasting.pop("generation") == -1
    assert set(lasting) == {"lead:lead-0-1", "like:e1", "like:p1", "rebuilder"}
    assert 0 < lasting["rebuilder"] <= 5000
    assert 0 < lasting["like:e1"] <= 31 * DAY
    assert 0 < lasting["lead:lead-0-1"] <= 60 * DAY


def test_a_claim_ends_by_itself(store: RedisStore) -> None:
    seal = sealed(store)
    short = (f"0:1:{NOW}:a", NOW, "a", 40, 30 * DAY, 40, "e1")
    assert store.claim(seal, [short]) == []
    until = time.monotonic() + 5
    while store.claim(seal, [row(2, "e1", lead="b")]) and time.monotonic() < until:
        pass
    assert store.claim(seal, [row(3, "e1", lead="c")]) != []


def test_of_many_who_come_at_once_one_passes(valkey: str, prefix: str, store: RedisStore) -> None:
    seal = sealed(store)
    passed: list[int] = []

    def race(worker: int) -> None:
        with connect(valkey, 2.0) as client:
            own = RedisStore(client, prefix)
            rounds = range(20)
            passed.extend(at for at in rounds if own.claim(seal, [row(at, f"e{at}", partition=worker)]) == [])

    workers = [threading.Thread(target=race, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert sorted(passed) == list(range(20))


def test_a_server_that_was_restarted_breaks_the_seal_though_its_data_is_there(own_valkey: ValkeyServer) -> None:
    with connect(own_valkey.url) as client:
        store = RedisStore(client, "x.")
        seal = sealed(store)
        store.claim(seal, [row(1, "e1")])
        client.execute_command("WAITAOF", 1, 0, 1000)
        own_valkey.kill()
        with pytest.raises(Unavailable):
            store.holds(seal)
        own_valkey.start()
        assert store.look().token == seal.token
        assert not store.holds(seal)
        assert store.claim(seal, [row(2, "e2")]) is None


def test_a_server_that_does_not_answer_costs_a_fifth_of_a_second(own_valkey: ValkeyServer) -> None:
    with connect(own_valkey.url) as client:
        store = RedisStore(client, "x.")
        seal = sealed(store)
        assert own_valkey.pid is not None
        os.kill(own_valkey.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises(Unavailable, match="Timeout"):
                store.claim(seal, [row(1, "e1")])
            assert time.monotonic() - began < 0.45
        finally:
            os.kill(own_valkey.pid, signal.SIGCONT)
        assert store.claim(seal, [row(1, "e1")]) == []


def test_a_server_that_may_evict_claims_is_refused(own_valkey: ValkeyServer) -> None:
    with connect(own_valkey.url) as client:
        store = RedisStore(client, "x.")
        client.config_set("maxmemory", 50_000_000)
        client.config_set("maxmemory-policy", "allkeys-lru")
        with pytest.raises(Unavailable, match="noeviction"):
            store.look()
        client.config_set("maxmemory-policy", "noeviction")
        assert store.look().token is None


def test_a_full_server_is_unavailable(own_valkey: ValkeyServer) -> None:
    with connect(own_valkey.url) as client:
        store = RedisStore(client, "x.")
        seal = sealed(store)
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        with pytest.raises(Unavailable, match="OutOfMemory"):
            store.claim(seal, [row(1, "e1")])
        client.config_set("maxmemory", 0)
        assert store.claim(seal, [row(1, "e1")]) == []


def test_nobody_there_is_unavailable_at_once() -> None:
    with connect("redis://127.0.0.1:1") as client, pytest.raises(Unavailable, match="Redis does not answer"):
        RedisStore(client, "x.").holds(Seal(b"", ""))
