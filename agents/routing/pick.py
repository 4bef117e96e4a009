"""Weighted round robin by credit in leads: who gets the rights of one lead (protocol, section 6 and P3).

For N rights each eligible buyer earns N * w / sum(w), never above 1 (what is above goes to the others); the N with
most credit are picked and each pays 1. Over many leads each gets its share, whoever is eligible when. A buyer whose
share is a whole right every lead is picked every time: it earns 1 and pays 1. Who is out earns nothing and keeps
what it has, so that a buyer that returns does not get a burst.

Contracts of equal `priority` make a group, 1 first; a later group gets only the rights that the earlier ones have no
buyers for. A buyer gets at most one right of a lead. Its contracts in its first group share: the buyer earns by the
sum of their weights and is ranked by the sum of their credits, and its contract with most credit is the one that is
picked and pays. Its other contracts stand behind, as alternatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import add
from typing import Final, NamedTuple, Protocol

import msgspec


class Runner(Protocol):
    """What is asked of a contract that may be picked; `weight` is above 0."""

    @property
    def buyer_id(self) -> str:
        """Whose contract it is."""

    @property
    def priority(self) -> int:
        """Its group; 1 is asked first."""

    @property
    def weight(self) -> int:
        """Its share of the leads sold in its group."""


class Picks(msgspec.Struct, frozen=True, gc=False):
    """The order of contracts, as indexes into the runners, and everyone's credit after the lead.

    `picked` holds one index for each right that has a buyer, best first; `behind` all others in rank order.
    """

    picked: list[int]
    behind: list[int]
    credits: list[float]


#: Added to the rank of a buyer that is owed a whole right of every lead: it goes before any credit.
_ALWAYS: Final = 1_000.0

#: Taken from the rank for each group further back: no credit makes up for it.
_GROUP: Final = 1_000_000.0


def is_plain(runners: Sequence[Runner]) -> bool:
    """Whether all these contracts have different buyers; then any part of them has, too."""
    return len({runner.buyer_id for runner in runners}) == len(runners)


def pick(runners: Sequence[Runner], credits: Sequence[float], rights: int, *, plain: bool) -> Picks:
    """Pick the contracts for the rights (at least 1) of one lead.

    Args:
        runners: the contracts that may be picked, in the order of the plan; ties go to the earlier.
        credits: their credits in leads, in the same order.
        rights: how many rights the lead has.
        plain: `is_plain` of these runners or of more: spares the grouping by buyer.
    """
    return pick_by_stakes(stakes_of(runners, rights), credits) if plain else pick_by_buyer(runners, credits, rights)


def shares_of(weights: Sequence[float], rights: int) -> list[float]:
    """Return what each earns for one lead: `rights` in all, by weight, none above 1.

    With no more buyers than rights everyone earns 1.
    """
    if len(weights) <= rights:
        return [1.0] * len(weights)
    per_weight = rights / sum(weights)
    if per_weight * max(weights) < 1.0:
        return [per_weight * weight for weight in weights]
    return _shares_with_full(weights, rights)


def _shares_with_full(weights: Sequence[float], rights: int) -> list[float]:
    shares = [0.0] * len(weights)
    rest, left = list(range(len(weights))), rights
    while full := [index for index in rest if left * weights[index] >= sum(weights[other] for other in rest)]:
        for index in full:
            shares[index] = 1.0
        rest = [index for index in rest if not shares[index]]
        left -= len(full)
    total = sum(weights[index] for index in rest)
    for index in rest:
        shares[index] = left * weights[index] / total
    return shares


class Stakes(NamedTuple):
    """What plain runners get of any lead with so many rights, whatever their credits; in the runners' order.

    `earned` is added to the credit; `ranks` is added to that and decides the order.
    """

    rights: int
    earned: tuple[float, ...]
    ranks: tuple[float, ...]


def stakes_of(runners: Sequence[Runner], rights: int) -> Stakes:
    """Return the stakes of contracts that all have different buyers."""
    priorities = [runner.priority for runner in runners]
    earned = [0.0] * len(runners)
    ranks = [-_GROUP * priority for priority in priorities]
    left = rights
    for priority in sorted(set(priorities)):
        group = [index for index, own in enumerate(priorities) if own == priority]
        shares = shares_of([runners[index].weight for index in group], left)
        for index, share in zip(group, shares, strict=True):
            earned[index] = share
            if share == 1.0:
                ranks[index] += _ALWAYS
        left -= len(group)
        if left <= 0:
            break
    return Stakes(rights, tuple(earned), tuple(ranks))


def pick_by_stakes(stakes: Stakes, credits: Sequence[float]) -> Picks:
    """Pick among contracts of different buyers: the common case, kept short."""
    after = list(map(add, credits, stakes.earned))
    order = sorted(range(len(after)), key=list(map(add, after, stakes.ranks)).__getitem__, reverse=True)
    picked = order[: stakes.rights]
    for index in picked:
        after[index] -= 1.0
    return Picks(picked, order[stakes.rights :], after)


def pick_by_buyer(runners: Sequence[Runner], credits: Sequence[float], rights: int) -> Picks:
    """Pick among contracts of which some have the same buyer."""
    picks = Picks([], [], list(credits))
    seen: set[str] = set()
    by_priority = sorted(range(len(runners)), key=lambda index: runners[index].priority)
    for _, group in groupby(by_priority, key=lambda index: runners[index].priority):
        teams: dict[str, list[int]] = {}
        for index in group:
            teams.setdefault(runners[index].buyer_id, []).append(index)
        newcomers = [team for buyer_id, team in teams.items() if buyer_id not in seen]
        seen.update(teams)
        ranks, picked = _pick_of_teams(runners, picks.credits, newcomers, rights - len(picks.picked))
        behind = [index for team in teams.values() for index in team if index not in picked]
        picks.picked.extend(picked)
        picks.behind.extend(sorted(behind, key=ranks.__getitem__, reverse=True))
    return picks


def _pick_of_teams(
    runners: Sequence[Runner], credits: list[float], teams: Sequence[list[int]], rights: int
) -> tuple[list[float], list[int]]:
    """Pick for the rights that are left, one contract of a team (a buyer's contracts); changes `credits`.

    Returns the contracts' credits before the picks paid, by which those behind are ranked, and the picked.
    """
    if not rights or not teams:
        return list(credits), []
    weights = [sum(runners[index].weight for index in team) for team in teams]
    shares = shares_of(weights, rights)
    for team, weight, share in zip(teams, weights, shares, strict=True):
        for index in team:
            credits[index] += share * runners[index].weight / weight
    earned = list(credits)
    ranks = [
        sum(credits[index] for index in team) + (_ALWAYS if share == 1.0 else 0.0)
        for team, share in zip(teams, shares, strict=True)
    ]
    best = sorted(range(len(teams)), key=ranks.__getitem__, reverse=True)[:rights]
    picked = [max(teams[number], key=credits.__getitem__) for number in best]
    for index in picked:
        credits[index] -= 1.0
    return earned, picked
