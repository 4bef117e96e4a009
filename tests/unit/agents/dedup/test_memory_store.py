"""The claim store in memory keeps the promises of a claim store, and can be made to fail."""

from __future__ import annotations

import pytest

from agents.dedup.memory_store import MemoryStore
from schemas.errors import Unavailable
from tests.unit.agents.dedup.store_suite import StoreSuite, row, sealed


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


class TestMemoryStore(StoreSuite):
    """See `StoreSuite`."""


def test_away_restarted_and_wiped(store: MemoryStore) -> None:
    seal = sealed(store)
    store.away = True
    with pytest.raises(Unavailable):
        store.claim(seal, [])
    store.away = False
    store.restart()
    assert not store.holds(seal)
    store.wipe()
    assert store.look().token is None
    assert store.claim(sealed(store), [row(1, "e1")]) == []
