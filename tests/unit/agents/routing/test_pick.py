"""Fair shares by credit in leads (protocol, section 6 and P3)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from agents.routing.pick import Picks, is_plain, pick, shares_of
from tables.rotations import start_credit
from tests.support.chance import draws


class Contract(NamedTuple):
    """What picking asks of a contract."""

    buyer_id: str
    weight: int = 1
    priority: int = 1


def run(contracts: Sequence[Contract], leads: int, rights: int, credits: Sequence[float] | None = None) -> Counter[int]:
    """Return how often each contract was picked; all are eligible for every lead."""
    now = list(credits or [0.0] * len(contracts))
    picked: Counter[int] = Counter()
    for _ in range(leads):
        picks = pick(contracts, now, rights, plain=is_plain(contracts))
        now = picks.credits
        picked.update(picks.picked)
    return picked


def test_weights_are_promised_percentages() -> None:
    contracts = [Contract("a", 3), Contract("b", 2), Contract("c", 1)]
    assert run(contracts, 12_000, 1) == {0: 6_000, 1: 4_000, 2: 2_000}


def test_two_rights_among_three_two_one_give_one_two_thirds_one_third() -> None:
    contracts = [Contract("sunco", 3), Contract("brightroof", 2), Contract("homebase", 1)]
    assert run(contracts, 9_000, 2) == {0: 9_000, 1: 6_000, 2: 3_000}


def test_who_is_owed_a_whole_right_is_picked_whatever_its_credit() -> None:
    contracts = [Contract("a", 3), Contract("b", 2), Contract("c", 1)]
    picks = pick(contracts, [-0.5, 0.5, 0.5], 2, plain=True)
    assert picks.picked[0] == 0
    assert picks.credits[0] == -0.5


@pytest.mark.parametrize(
    ("weights", "rights", "shares"),
    [
        ([3, 2, 1], 1, [1 / 2, 1 / 3, 1 / 6]),
        ([3, 2, 1], 2, [1, 2 / 3, 1 / 3]),
        ([10, 1, 1], 2, [1, 1 / 2, 1 / 2]),
        ([100, 10, 1, 1], 3, [1, 1, 1 / 2, 1 / 2]),
        ([1, 1], 2, [1, 1]),
        ([5], 3, [1]),
    ],
)
def test_nobody_earns_above_one_and_the_excess_goes_to_the_others(
    weights: list[int], rights: int, shares: list[float]
) -> None:
    assert shares_of(weights, rights) == pytest.approx(shares)


def test_shares_add_up_to_the_rights_and_keep_the_order_of_weights() -> None:
    for seed, draw in draws(300):
        weights = [draw.randint(1, draw.choice((1, 3, 1_000))) for _ in range(draw.randint(1, 30))]
        rights = draw.randint(1, 10)
        shares = shares_of(weights, rights)
        assert sum(shares) == pytest.approx(min(rights, len(weights))), f"seed {seed}"
        assert all(0 < share <= 1 for share in shares), f"seed {seed}"
        ordered = [share for _, share in sorted(zip(weights, shares, strict=True))]
        assert ordered == sorted(ordered), f"seed {seed}"


def test_varying_eligibility_gives_each_the_sum_of_its_shares() -> None:
    """The error of smooth round robin grows with the volume; that of credit in leads stays about one lead."""
    chance = random.Random(7)
    contracts = [Contract(f"b{number}", number % 5 + 1) for number in range(20)]
    credits, ideal, got = [0.0] * 20, [0.0] * 20, [0] * 20
    for _ in range(5_000):
        present = sorted(chance.sample(range(20), 8))
        picks = pick([contracts[i] for i in present], [credits[i] for i in present], 1, plain=True)
        for at, index in enumerate(present):
            credits[index] = picks.credits[at]
            ideal[index] += contracts[index].weight / sum(contracts[i].weight for i in present)
        got[present[picks.picked[0]]] += 1
    assert max(abs(have - want) for have, want in zip(got, ideal, strict=True)) < 3


def test_who_was_out_returns_without_a_burst() -> None:
    contracts = [Contract("a"), Contract("b")]
    credits = [0.0, 0.0]
    for _ in range(100):
        credits[1] = pick(contracts[1:], credits[1:], 1, plain=True).credits[0]
    after = run(contracts, 10, 1, credits)
    assert after[0] == 5


def test_a_later_group_gets_only_what_the_first_leaves() -> None:
    contracts = [Contract("a", priority=2), Contract("b"), Contract("c", priority=2)]
    assert run(contracts, 10, 1) == {1: 10}
    two = run(contracts, 10, 2)
    assert two[1] == 10
    assert (two[0], two[2]) == (5, 5)


def test_a_group_that_gets_nothing_earns_nothing() -> None:
    contracts = [Contract("a"), Contract("b", priority=2)]
    assert pick(contracts, [0.0, 0.25], 1, plain=True).credits[1] == 0.25


def test_those_behind_stand_by_priority_then_credit() -> None:
    contracts = [Contract("a", priority=2), Contract("b"), Contract("c"), Contract("d"), Contract("e", priority=2)]
    picks = pick(contracts, [0.1, 0.2, 0.9, 0.4, 0.3], 1, plain=True)
    assert picks.picked == [2]
    assert picks.behind == [3, 1, 4, 0]


def test_a_buyer_with_several_contracts_gets_one_right() -> None:
    contracts = [Contract("a", 5), Contract("a", 5), Contract("b", 1)]
    for seed in range(20):
        chance = random.Random(seed)
        picks = pick(contracts, [chance.random() for _ in contracts], 2, plain=False)
        assert {contracts[index].buyer_id for index in picks.picked} == {"a", "b"}


def test_a_buyers_contracts_share_what_it_earns_by_their_weights() -> None:
    contracts = [Contract("a", 3), Contract("a", 1), Contract("b", 4)]
    assert run(contracts, 8_000, 1) == {0: 3_000, 1: 1_000, 2: 4_000}


def test_a_buyer_is_ranked_by_the_credits_of_all_its_contracts() -> None:
    contracts = [Contract("b"), Contract("a"), Contract("a")]
    assert pick(contracts, [0.5, 0.3, 0.2], 1, plain=False).picked == [1]


def test_a_buyer_in_two_groups_stands_in_its_first() -> None:
    contracts = [Contract("a", 1), Contract("a", 9, priority=2), Contract("b", 1, priority=2)]
    assert run(contracts, 100, 2) == {0: 100, 2: 100}


def test_without_second_contracts_both_ways_of_picking_agree() -> None:
    for seed, draw in draws(300):
        contracts = [Contract(f"b{i}", draw.randint(1, 9), draw.randint(1, 3)) for i in range(draw.randint(1, 12))]
        credits = [draw.randint(-8, 8) / 8 for _ in contracts]
        rights = draw.randint(1, 5)
        plain, grouped = (pick(contracts, credits, rights, plain=way) for way in (True, False))
        assert set(plain.picked) == set(grouped.picked), f"seed {seed}"
        assert plain.credits == pytest.approx(grouped.credits), f"seed {seed}"


def test_every_contract_is_in_the_order_once_and_every_buyer_picked_at_most_once() -> None:
    for seed, draw in draws(300):
        size = draw.randint(1, 12)
        contracts = [Contract(f"b{draw.randint(0, 4)}", draw.randint(1, 9), draw.randint(1, 3)) for _ in range(size)]
        credits = [start_credit(0, "campaign", str(number)) for number in range(size)]
        rights = draw.randint(1, 5)
        picks: Picks = pick(contracts, credits, rights, plain=is_plain(contracts))
        assert sorted([*picks.picked, *picks.behind]) == list(range(size)), f"seed {seed}"
        buyers = [contracts[index].buyer_id for index in picks.picked]
        different = {contract.buyer_id for contract in contracts}
        assert len(buyers) == len(set(buyers)) == min(rights, len(different)), f"seed {seed}"
        assert sum(picks.credits) == pytest.approx(sum(credits)), f"seed {seed}"


def test_start_credits_are_spread_and_always_the_same() -> None:
    credits = [start_credit(partition, "solar-us", "c1") for partition in range(200)]
    assert credits == [start_credit(partition, "solar-us", "c1") for partition in range(200)]
    assert -0.5 <= min(credits) < -0.4
    assert 0.4 < max(credits) <= 0.5
