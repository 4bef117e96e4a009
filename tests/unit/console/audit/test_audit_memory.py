"""The auditor's memory of leads long past: exact, small, and it forgets."""

from __future__ import annotations

import itertools
import random

from console.audit.memory import Sightings, Times, digest
from tests.support.chance import draws


def test_it_remembers_as_a_dictionary_does_and_forgets_what_is_older() -> None:
    for seed, draw in draws(60):
        times: Times = Times()
        plain: dict[int, int] = {}
        bits = draw.choice((6, 16, 64))  # few keys come again, many do not
        for _ in range(draw.randint(0, 300)):
            key, at = draw.getrandbits(bits) or 1, draw.randint(1, 2**40)
            times.put(key, at)
            plain[key] = at
        assert len(times) == len(plain), f"seed {seed}"
        assert {key: times.get(key) for key in plain} == plain, f"seed {seed}"
        before = draw.randint(0, 2**40)
        times.forget(before)
        left = {key: at if at >= before else 0 for key, at in plain.items()}
        assert {key: times.get(key) for key in plain} == left, f"seed {seed}"
        assert len(times) == sum(at >= before for at in plain.values()), f"seed {seed}"


def test_keys_that_meet_in_one_slot_stay_apart() -> None:
    times = Times()
    for number in range(1, 400):
        times.put(number << 32, number)
    assert [times.get(number << 32) for number in range(1, 400)] == list(range(1, 400))
    assert times.get(5) == 0


def test_an_entry_takes_24_to_48_bytes() -> None:
    times, draw = Times(), random.Random(1)
    for _ in range(50_000):
        times.put(draw.getrandbits(63) + 1, 7)
        if len(times) > 2_000:
            assert 23.9 <= times.bytes / len(times) <= 48.1
    times.forget(8)
    assert times.bytes < 20_000


def test_a_digest_tells_parts_apart() -> None:
    assert digest("a", "bc") != digest("ab", "c")
    assert digest("a") == digest("a") > 0


def test_two_times_within_a_window_are_seen_in_every_order() -> None:
    for seed, draw in draws(300):
        times, within = draw.sample(range(1, 400), draw.randint(1, 8)), draw.randint(1, 80)
        near = min((abs(a - b) for a, b in itertools.combinations(times, 2)), default=within)
        seen = Sightings()
        found = [apart for at in times if (apart := seen.nearest(7, at, within)) is not None]
        assert bool(found) == (near < within), f"seed {seed}"
        assert all(apart < within for apart in found), f"seed {seed}"


def test_the_times_of_others_are_not_near() -> None:
    seen = Sightings()
    assert [seen.nearest(key, 1_000, 60) for key in (7, 8, 7)] == [None, None, 0]
