"""What any claim store promises; `MemoryStore` here and `RedisStore` in tests/integration are held to it alike."""

from __future__ import annotations

from agents.dedup.keys import Row
from agents.dedup.store import Found, Seal, Store
from tests.unit.agents.intake import DAY, NOW

WINDOW = 30 * DAY


def row(offset: int, *keys: str, lead: str = "", at: int = NOW, window: int = WINDOW, partition: int = 0) -> Row:
    """Return the row of a lead received at these coordinates."""
    lead = lead or f"lead-{partition}-{offset}"
    return (f"{partition}:{offset}:{at}:{lead}", at, lead, 2 * WINDOW, window, window + DAY, *keys)


def sealed(store: Store, token: bytes = b"generation 1") -> Seal:
    """Return the seal of a new generation."""
    seen = store.look()
    assert store.swap(seen.token, seen.run_id, token)
    return Seal(token, seen.run_id)


class StoreSuite:
    """The promises; a subclass gives the fixture `store`."""

    def test_the_first_with_a_key_passes_and_the_second_does_not(self, store: Store) -> None:
        seal = sealed(store)
        assert store.claim(seal, [row(1, "e1", "p1")]) == []
        assert store.claim(seal, [row(2, "e2", "p1"), row(3, "e1", "p3"), row(4, "e4", "p4")]) == [
            Found(0, 2, f"0:1:{NOW}:lead-0-1"),
            Found(1, 1, f"0:1:{NOW}:lead-0-1"),
        ]

    def test_two_leads_of_one_batch_are_judged_in_order(self, store: Store) -> None:
        assert store.claim(sealed(store), [row(1, "e1"), row(2, "e1"), row(3, "e1")]) == [
            Found(1, 1, f"0:1:{NOW}:lead-0-1"),
            Found(2, 1, f"0:1:{NOW}:lead-0-1"),
        ]

    def test_a_replay_finds_its_own_claims(self, store: Store) -> None:
        seal = sealed(store)
        batch = [row(1, "e1", "p1"), row(2, "e1"), row(3, "e3")]
        once = store.claim(seal, batch)
        assert once == [Found(1, 1, f"0:1:{NOW}:lead-0-1")]
        assert store.claim(seal, batch) == once

    def test_a_lead_that_has_claimed_before_is_judged_by_the_keys_of_now(self, store: Store) -> None:
        """Its epoch was undone, and the plan that came meanwhile looks at other fields."""
        assert store.claim(sealed(store), [row(1, "p1"), row(2, "p2")]) == []
        newer = sealed(store, b"generation 2")
        assert store.claim(newer, [row(1, "e1"), row(2, "e1")]) == [Found(1, 1, f"0:1:{NOW}:lead-0-1")]

    def test_the_same_lead_again_is_a_repeat_even_with_other_values(self, store: Store) -> None:
        seal = sealed(store)
        assert store.claim(seal, [row(1, "e1", lead="same")]) == []
        assert store.claim(seal, [row(7, "e2", lead="same")]) == [Found(0, 0, f"0:1:{NOW}:same")]

    def test_one_who_may_not_pass_claims_nothing(self, store: Store) -> None:
        seal = sealed(store)
        store.claim(seal, [row(1, "e1")])
        assert store.claim(seal, [row(2, "e1", "p2", lead="second")]) != []
        assert store.claim(seal, [row(3, "e3", "p2")]) == []
        assert store.claim(seal, [row(4, "e4", lead="second")]) == []

    def test_the_window_is_judged_by_received_times_in_both_directions(self, store: Store) -> None:
        seal = sealed(store)
        store.claim(seal, [row(1, "e1", at=NOW)])
        assert store.claim(seal, [row(2, "e1", at=NOW + WINDOW - 1)]) != []
        assert store.claim(seal, [row(3, "e1", at=NOW - WINDOW + 1)]) != []
        assert store.claim(seal, [row(4, "e1", at=NOW - WINDOW)]) == []
        assert store.claim(seal, [row(5, "e1", at=NOW + WINDOW)]) == []

    def test_every_lead_that_passed_keeps_the_key(self, store: Store) -> None:
        """One whose partition lay behind comes after a like one that was received more than a window later."""
        seal = sealed(store)
        assert store.claim(seal, [row(1, "e1", at=NOW), row(2, "e1", at=NOW + WINDOW)]) == []
        late = [row(3, "e1", at=NOW), row(4, "e1", at=NOW + WINDOW + 1), row(5, "e1", at=NOW - WINDOW)]
        assert store.claim(seal, late) == [
            Found(0, 1, f"0:1:{NOW}:lead-0-1"),
            Found(1, 1, f"0:2:{NOW + WINDOW}:lead-0-2"),
        ]
        assert store.claim(seal, [row(6, "e1", at=NOW - WINDOW + 1)]) == [Found(0, 1, f"0:1:{NOW}:lead-0-1")]
        assert store.claim(seal, [row(7, "e1", at=NOW - 2 * WINDOW + 1)]) == [
            Found(0, 1, f"0:5:{NOW - WINDOW}:lead-0-5")
        ]

    def test_a_replay_is_not_kept_twice(self, store: Store) -> None:
        seal = sealed(store)
        for _ in range(3):
            assert store.claim(seal, [row(1, "e1"), row(2, "e1", at=NOW + WINDOW)]) == []
        assert store.restore(seal, [row(1, "e1"), row(2, "e1", at=NOW + WINDOW)])
        assert store.claim(seal, [row(3, "e1", at=NOW - 1)]) == [Found(0, 1, f"0:1:{NOW}:lead-0-1")]

    def test_a_key_keeps_the_newest_of_very_many_leads(self, store: Store) -> None:
        seal = sealed(store)
        assert store.restore(seal, [row(at, "e1", at=NOW + at) for at in range(100)])
        assert store.claim(seal, [row(200, "e1", at=NOW + 99, window=1)]) == [Found(0, 1, f"0:99:{NOW + 99}:lead-0-99")]
        assert store.claim(seal, [row(201, "e1", at=NOW + 68, window=1)]) == [Found(0, 1, f"0:68:{NOW + 68}:lead-0-68")]
        assert store.claim(seal, [row(202, "e1", at=NOW + 67, window=1)]) == []

    def test_another_campaign_may_look_less_far_back(self, store: Store) -> None:
        seal = sealed(store)
        store.claim(seal, [row(1, "e1", at=NOW)])
        assert store.claim(seal, [row(2, "e1", at=NOW + 5 * DAY, window=5 * DAY)]) == []

    def test_a_lead_without_keys_is_known_by_its_id_alone(self, store: Store) -> None:
        seal = sealed(store)
        assert store.claim(seal, [row(1, lead="a"), row(2, lead="b")]) == []
        assert store.claim(seal, [row(3, lead="a")]) == [Found(0, 0, f"0:1:{NOW}:a")]

    def test_a_broken_seal_claims_nothing(self, store: Store) -> None:
        seal = sealed(store)
        newer = sealed(store, b"generation 2")
        assert store.claim(seal, [row(1, "e1")]) is None
        assert store.claim(Seal(newer.token, "another server"), [row(1, "e1")]) is None
        assert not store.holds(seal)
        assert store.holds(newer)
        assert store.claim(newer, [row(2, "e1")]) == []

    def test_restoring_judges_nothing(self, store: Store) -> None:
        seal = sealed(store)
        assert store.restore(seal, [row(1, "e1", at=NOW), row(2, "e1", at=NOW - 5)])
        assert store.claim(seal, [row(3, "e1")]) == [Found(0, 1, f"0:1:{NOW}:lead-0-1")]
        assert store.claim(seal, [row(2, "e2", at=NOW - 5)]) == []
        assert not store.restore(Seal(b"old", seal.run_id), [row(4, "e4")])

    def test_a_sentinel_is_replaced_only_if_it_is_the_expected_one(self, store: Store) -> None:
        seen = store.look()
        assert seen.token is None
        assert not store.swap(b"something", seen.run_id, b"1")
        assert not store.swap(None, "another server", b"1")
        assert store.swap(None, seen.run_id, b"1")
        assert not store.swap(None, seen.run_id, b"2")
        assert store.look().token == b"1"

    def test_one_rebuilds_at_a_time_and_says_how_far(self, store: Store) -> None:
        assert store.lock("a", 10_000, "0 %")
        assert not store.lock("b", 10_000, "0 %")
        assert store.lock("a", 10_000, "40 %")
        assert store.look().rebuilding == "a 40 %"
        store.unlock("b")
        assert not store.lock("b", 10_000, "0 %")
        store.unlock("a")
        assert store.look().rebuilding == ""
        assert store.lock("b", 10_000, "0 %")

    def test_many_rows_at_once(self, store: Store) -> None:
        seal = sealed(store)
        assert store.claim(seal, [row(at, f"e{at}", f"p{at}") for at in range(2000)]) == []
        assert store.claim(seal, [row(9000 + at, f"p{at}") for at in range(2000)]) == [
            Found(at, 1, f"0:{at}:{NOW}:lead-0-{at}") for at in range(2000)
        ]
