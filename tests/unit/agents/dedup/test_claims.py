"""Claiming and rebuilding: what is lost in the store comes back from the log, and nobody claims meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

import pytest

from agents.dedup.claims import BUDGET_S, CHUNK_ROWS, Claims, Earlier
from agents.dedup.hashes import Hashes
from agents.dedup.keys import LAG_MS, REPEATS_MS, PlanClaims
from agents.dedup.rebuild import Rebuilder
from agents.dedup.sentinel import Step, judge, read
from agents.dedup.store import Seal
from schemas.errors import Unavailable, UnknownSchema
from schemas.records import Lead, Slip
from streams.stage import Message
from tests.unit.agents.dedup.store_suite import row
from tests.unit.agents.dedup.worlds import World, lead_row, need, settled
from tests.unit.agents.intake import DAY, NOW, MemoryUniqueLog, open_unique, plan


@pytest.fixture
def world() -> World:
    return World()


def test_the_first_worker_makes_a_generation_and_the_next_one_finds_it(world: World) -> None:
    wanted = need()
    first = world.worker()
    with pytest.raises(Unavailable, match="holds no claims"):
        first.claim([row(1, "e1")], wanted)
    seal, earlier = first.claim([row(1, "e1"), row(2, "e1")], wanted)
    assert earlier == {1: Earlier(1, "lead-0-1", 0, 1, NOW)}
    first.confirm(seal)
    same_seal, earlier = world.worker().claim([row(3, "e1")], need())
    assert same_seal == seal
    assert earlier[0].lead_id == "lead-0-1"


def test_positions_of_hits_count_over_all_chunks(world: World) -> None:
    wanted = need()
    claims = settled(world.worker(), wanted)
    rows = [row(at, f"e{at % (CHUNK_ROWS + 10)}") for at in range(CHUNK_ROWS + 20)]
    _, earlier = claims.claim(rows, wanted)
    assert sorted(earlier) == list(range(CHUNK_ROWS + 10, CHUNK_ROWS + 20))


def test_no_further_chunk_is_begun_that_could_pass_the_budget(world: World) -> None:
    settled(world.worker(), need())
    slow = Claims(
        world.store, Rebuilder(world.store, world.log, open_unique, lambda: NOW, lambda work: work()), BUDGET_S
    )
    assert slow.claim([row(at, f"e{at}") for at in range(CHUNK_ROWS)], need())[1] == {}
    with pytest.raises(Unavailable, match="too slow"):
        slow.claim([row(at, f"e{at}") for at in range(CHUNK_ROWS + 1)], need())


def test_an_epoch_whose_claims_were_lost_before_its_commit_is_refused(world: World) -> None:
    wanted = need()
    claims = settled(world.worker(), wanted)
    seal, _ = claims.claim([row(1, "e1")], wanted)
    world.store.wipe()
    with pytest.raises(Unavailable, match="while this epoch was open"):
        claims.confirm(seal)
    with pytest.raises(Unavailable, match="rebuilt from the log"):
        claims.claim([row(1, "e1")], wanted)
    assert claims.claim([row(1, "e1")], wanted)[1] == {}


def test_a_restarted_server_is_not_trusted(world: World) -> None:
    wanted = need()
    claims = settled(world.worker(), wanted)
    seal, _ = claims.claim([row(1, "e1")], wanted)
    world.store.restart()
    with pytest.raises(Unavailable):
        claims.confirm(seal)
    with pytest.raises(Unavailable, match="restarted or replaced"):
        claims.claim([], wanted)


def test_what_was_lost_comes_back_from_the_log(world: World) -> None:
    wanted = need()
    maria = Lead(email="maria@example.com", phone="+14155550143")
    world.unique(maria, 1)
    world.unique(Lead(email="ann@example.com"), 2, at=NOW - 29 * DAY)
    world.unique(Lead(email="old@example.com"), 3, at=NOW - 31 * DAY)
    world.unique(Lead(email="test@example.com"), 4, test=True)
    claims = settled(world.worker(), wanted)
    again = [
        lead_row(wanted, Lead(phone="+14155550143"), 11),
        lead_row(wanted, Lead(email="ann@example.com"), 12),
        lead_row(wanted, Lead(email="old@example.com"), 13),
        lead_row(wanted, Lead(email="test@example.com"), 14),
        ("5:5:1:lead-1", NOW, "lead-1", DAY, DAY, DAY),
    ]
    _, earlier = claims.claim(again, wanted)
    assert earlier == {
        0: Earlier(2 - 1, "lead-1", 0, 1, NOW),
        1: Earlier(1, "lead-2", 0, 2, NOW - 29 * DAY),
        4: Earlier(0, "lead-1", 0, 1, NOW),
    }


def test_a_unique_lead_finds_itself_after_a_rebuild(world: World) -> None:
    wanted = need()
    maria = Lead(email="maria@example.com")
    world.unique(maria, 1)
    claims = settled(world.worker(), wanted)
    assert claims.claim([lead_row(wanted, maria, 1)], wanted)[1] == {}


def test_leads_of_a_campaign_that_is_gone_are_known_by_id(world: World) -> None:
    wanted = need()
    world.unique(Lead(email="maria@example.com"), 1, campaign="gone")
    claims = settled(world.worker(), wanted)
    _, earlier = claims.claim([("0:9:1:lead-1", NOW, "lead-1", DAY, DAY, DAY)], wanted)
    assert earlier[0].key == 0


def test_bytes_that_are_no_lead_do_not_stop_a_rebuild(world: World) -> None:
    world.log.add(b"rubbish")
    world.unique(Lead(email="maria@example.com"), 1)
    wanted = need()
    claims = settled(world.worker(), wanted)
    assert claims.claim([lead_row(wanted, Lead(email="maria@example.com"), 2)], wanted)[1][0].lead_id == "lead-1"


def test_a_lead_of_a_newer_release_stops_a_rebuild_rather_than_being_forgotten(world: World) -> None:
    def unknown(_: bytes) -> tuple[Slip, Lead]:
        raise UnknownSchema("schema id 77 is not known")

    world.unique(Lead(), 1)
    claims = Claims(world.store, Rebuilder(world.store, world.log, unknown, lambda: NOW, lambda work: work()))
    wanted = need()
    with pytest.raises(Unavailable):
        claims.claim([], wanted)
    with pytest.raises(Unavailable, match="last try: schema id 77 is not known"):
        claims.claim([], wanted)
    assert claims.waits is None


def test_a_wider_plan_rebuilds_and_a_narrower_one_says_so(world: World) -> None:
    narrow, wide = need(1, of="email"), need(2, of="email, phone")
    maria = Lead(email="maria@example.com", phone="+14155550143")
    world.unique(maria, 1)
    claims = settled(world.worker(), narrow)
    claims.claim([lead_row(narrow, maria, 1)], narrow)
    with pytest.raises(Unavailable, match="widens"):
        claims.claim([], wide)
    _, earlier = claims.claim([lead_row(wide, Lead(phone="+14155550143"), 2)], wide)
    assert earlier[0].lead_id == "lead-1"
    narrow_again = need(3, of="email")
    settled(claims, narrow_again)
    with pytest.raises(Unavailable, match="widens"):
        claims.claim([], need(4, of="email, phone"))


def test_narrowing_ends_the_seal_of_epochs_under_the_wider_plan(world: World) -> None:
    wide = need(1, of="email, phone")
    slow, quick = settled(world.worker(), wide), world.worker()
    seal, _ = slow.claim([row(1, "e1")], wide)
    settled(quick, need(2, of="email"))
    with pytest.raises(Unavailable):
        slow.confirm(seal)


def test_a_worker_whose_plan_is_behind_waits(world: World) -> None:
    settled(world.worker(), need(2, of="email, phone"))
    with pytest.raises(Unavailable, match="plan version 2, not seen here yet"):
        world.worker().claim([row(1, "e1")], need(1, of="email"))
    settled(world.worker(), need(1, of="phone, email"))


def test_another_hash_key_rebuilds(world: World) -> None:
    settled(world.worker(), need())
    other = PlanClaims(plan(), Hashes(b"another key that is long enough"))
    with pytest.raises(Unavailable, match="hashed with another key"):
        world.worker().claim([], other)


def test_while_one_rebuilds_the_others_leave_it_to_it(world: World) -> None:
    assert world.store.lock("somebody", 1000, "40 %")
    with pytest.raises(Unavailable, match="rebuilt by another worker, 40 %"):
        world.worker().claim([], need())
    world.store.break_lock()
    settled(world.worker(), need())


class Interrupted(MemoryUniqueLog):
    """A log during whose reading something happens."""

    def __init__(self, world: World, happens: Callable[[], object]) -> None:
        super().__init__()
        self.partitions = world.log.partitions
        self._happens = happens

    def read(self, partition: int, start: int, end: int, cancelled: Callable[[], bool]) -> Iterable[list[Message]]:
        """Yield one chunk, let it happen, go on."""
        for chunk in super().read(partition, start, end, cancelled):
            yield chunk
            self._happens()


@pytest.mark.parametrize("fault", ["wipe", "restart"])
def test_a_store_that_is_lost_again_during_a_rebuild_is_rebuilt_again(world: World, fault: str) -> None:
    for offset in range(6):
        world.unique(Lead(email=f"{offset}@example.com"), offset)
    once = iter([getattr(world.store, fault)])
    claims = world.worker(Interrupted(world, lambda: next(once, lambda: None)()))
    wanted = need()
    for _ in range(2):
        with pytest.raises(Unavailable):
            claims.claim([], wanted)
    rows = [lead_row(wanted, Lead(email=f"{at}@example.com"), 50 + at) for at in range(6)]
    assert len(claims.claim(rows, wanted)[1]) == 6


def test_a_builder_that_was_overtaken_writes_nothing_more(world: World) -> None:
    for offset in range(4):
        world.unique(Lead(email=f"{offset}@example.com"), offset)

    def overtake() -> None:
        world.store.break_lock()
        seen = world.store.look()
        world.store.swap(seen.token, seen.run_id, b"the generation of another")

    claims = world.worker(Interrupted(world, overtake))
    with pytest.raises(Unavailable):
        claims.claim([], need())
    seen = world.store.look()
    assert seen.token == b"the generation of another"
    assert world.store.claim(Seal(b"the generation of another", seen.run_id), [row(9, "x")]) == []


def test_nobody_claims_under_a_generation_that_is_being_built(world: World) -> None:
    world.unique(Lead(email="maria@example.com"), 1)
    wanted = need()
    looks: list[Step] = []

    def look() -> None:
        seen = world.store.look()
        looks.append(judge(read(seen.token), seen.run_id, wanted).step)
        with pytest.raises(Unavailable, match="by another worker"):
            world.worker().claim([row(5, "e5")], wanted)

    settled(world.worker(Interrupted(world, look)), wanted)
    assert looks == [Step.REBUILD]


class Stuck(MemoryUniqueLog):
    """A log behind an open transaction."""

    def bounds(self) -> Mapping[int, tuple[int, int]]:
        """Promise a record."""
        return {0: (0, 1)}

    def read(self, partition: int, start: int, end: int, cancelled: Callable[[], bool]) -> Iterable[list[Message]]:
        """Yield empty chunks for ever."""
        while not cancelled():
            yield []


def test_a_rebuild_does_not_wait_for_ever(world: World) -> None:
    claims = world.worker(Stuck())
    with pytest.raises(Unavailable):
        claims.claim([], need())
    with pytest.raises(Unavailable, match="a transaction is open"):
        claims.claim([], need())


def test_a_rebuild_in_its_thread_says_how_far_it_is_and_ends_when_closed(world: World) -> None:
    reading = threading.Event()

    class Slow(Stuck):
        def read(self, partition: int, start: int, end: int, cancelled: Callable[[], bool]) -> Iterable[list[Message]]:
            reading.set()
            return super().read(partition, start, end, cancelled)

    rebuilder = Rebuilder(world.store, Slow(), open_unique, lambda: NOW, patience_chunks=10**9)
    claims = Claims(world.store, rebuilder)
    with pytest.raises(Unavailable):
        claims.claim([], need())
    assert reading.wait(5)
    assert claims.waits is not None
    assert "being rebuilt" in claims.waits
    claims.close()
    assert claims.waits is None
    assert rebuilder.trouble == "this worker stops"


def test_a_store_that_is_away_is_unavailable(world: World) -> None:
    wanted = need()
    claims = settled(world.worker(), wanted)
    world.store.away = True
    with pytest.raises(Unavailable):
        claims.claim([row(1, "e1")], wanted)
    world.store.away = False
    assert claims.claim([row(1, "e1")], wanted)[1] == {}


class Long(MemoryUniqueLog):
    """A log of a million records, one a minute, the last one now; counts what is read of it."""

    END = 1_000_000

    def __init__(self) -> None:
        super().__init__()
        self.read_records = 0

    def bounds(self) -> Mapping[int, tuple[int, int]]:
        """One partition."""
        return {0: (0, self.END)}

    def read(self, partition: int, start: int, end: int, cancelled: Callable[[], bool]) -> Iterable[list[Message]]:
        """Yield records that hold no lead."""
        for at in range(start, end, 5000):
            chunk = range(at, min(end, at + 5000))
            self.read_records += len(chunk)
            yield [
                Message("leads.unique", 0, offset, NOW - (self.END - offset) * 60_000, b"", b"x") for offset in chunk
            ]


def test_what_is_older_than_any_claim_is_not_read(world: World) -> None:
    log = Long()
    settled(world.worker(log), need())
    kept = (REPEATS_MS + LAG_MS) // 60_000
    assert kept < log.read_records < kept + 150_000


@pytest.mark.parametrize("short", [20_000, 1])
def test_a_start_that_is_looked_for_is_never_too_late(
    world: World, short: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many records too early as are simply read, and an hour for clocks that disagree."""
    monkeypatch.setattr("agents.dedup.rebuild.SHORT_RECORDS", short)
    log = Long()
    rebuilder = Rebuilder(world.store, log, open_unique, lambda: NOW, lambda work: work())
    start = rebuilder._first(need(), 0, 0, log.END)
    latest = NOW - REPEATS_MS - LAG_MS - 3_600_000
    assert latest - short * 60_000 <= NOW - (log.END - start) * 60_000 < latest
