"""A rebuild from a real log into a real Valkey, with a transaction open at its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer

from agents.asked import values_of
from agents.dedup.claims import Claims
from agents.dedup.hashes import Hashes
from agents.dedup.keys import Claimant, PlanClaims
from agents.dedup.rebuild import ClientLog, Rebuilder
from agents.dedup.store import RedisStore, connect
from schemas.errors import Unavailable
from schemas.records import Lead, Slip
from schemas.topics import UNIQUE
from tests.integration.streams.conftest import Cluster
from tests.unit.agents.intake import NOW, SLIPS, open_unique, plan

PATIENCE_S = 20.0
NEED = PlanClaims(plan(), Hashes(b"a key that is long enough"))


@pytest.fixture
def cluster(kafka: str, prefix: str) -> Iterator[Cluster]:
    found = Cluster(kafka, prefix)
    found.make_topics({"in": 1, UNIQUE: 2})
    yield found
    for client in found.clients:
        client.close()


def person(number: int) -> Lead:
    """Return a lead that is like no other number's."""
    return Lead(email=f"p{number}@example.com", phone=f"+1415555{number:04d}")


def unique(number: int) -> bytes:
    """Return a unique lead as it is written."""
    slip = Slip(
        f"lead-{number}", "solar-us", "acme-forms", f"form-{number}", False, NOW, NOW, 0, number, NOW, NOW, 1, "", "",
        {}, {}, (),
    )  # fmt: skip
    return SLIPS.seal_unique(SLIPS.unique(slip, SLIPS.body_of(person(number))))


def known(claims: Claims, numbers: range) -> set[int]:
    """Return which of these people were seen before; waits for a rebuild that is due."""
    rule = NEED.rules["solar-us"]
    rows = [rule.row(Claimant(f"again-{n}", 1, n, NOW), rule.keys(values_of(person(n)))) for n in numbers]
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            return {numbers[position] for position in claims.claim(rows, NEED)[1]}
        except Unavailable:
            time.sleep(0.02)  # a stage at rest; the loop's condition ends it
    raise AssertionError("the claims were not rebuilt in time")


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait until it holds."""
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until, f"waited in vain until {what}"
        time.sleep(0.02)  # between two looks


@pytest.mark.parametrize("outcome", ["commit", "abort"])
def test_what_was_flushed_before_the_new_generation_is_found_if_it_is_committed(
    cluster: Cluster, kafka: str, valkey: str, prefix: str, outcome: str
) -> None:
    cluster.send(UNIQUE, [unique(number) for number in range(300)], 0)
    cluster.send(UNIQUE, [unique(number) for number in range(300, 600)], 1)
    worker = cluster.client(name="worker")
    writer = Producer({"bootstrap.servers": kafka, "transactional.id": prefix, "transaction.timeout.ms": 60_000})
    writer.init_transactions(PATIENCE_S)
    writer.begin_transaction()
    for number in range(600, 620):
        writer.produce(prefix + UNIQUE, unique(number), b"k", number % 2)
    assert writer.flush(PATIENCE_S) == 0
    with connect(valkey, 2.0) as redis_client:
        store = RedisStore(redis_client, prefix)
        rebuilder = Rebuilder(store, ClientLog(lambda: worker), open_unique, lambda: NOW)
        claims = Claims(store, rebuilder)
        with pytest.raises(Unavailable, match="holds no claims"):
            claims.claim([], NEED)
        eventually(lambda: ", 0 %" not in str(claims.waits), "it has read what lies before the transaction")
        assert claims.waits is not None
        end = writer.commit_transaction if outcome == "commit" else writer.abort_transaction
        end(PATIENCE_S)
        eventually(lambda: claims.waits is None, "the rebuild has ended")
        assert rebuilder.trouble == ""
        assert known(claims, range(700)) == set(range(620 if outcome == "commit" else 600))
        claims.close()
