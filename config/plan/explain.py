"""How a plan reads one lead: points, grade, who would buy at what price, and why the others would not."""

from __future__ import annotations

from typing import NamedTuple

from config.plan.compiled import CompiledCampaign, CompiledContract
from config.plan.conditions import Failing, Values


class Answer(NamedTuple):
    """What one contract says: its price and the rule that set it, or (`failing`) why it does not accept."""

    contract: CompiledContract
    price_minor: int
    price_rule: str
    failing: Failing | None


class Reading(NamedTuple):
    """What a campaign makes of a lead; `answers` of all its contracts, in the order of the plan."""

    points: int
    grade: str
    rules: tuple[tuple[str, int], ...]
    answers: tuple[Answer, ...]


def read_lead(campaign: CompiledCampaign, values: Values) -> Reading:
    """Return how the campaign reads a lead's values, without regard to caps, hours and pauses."""
    points, grade, rules = campaign.score(values)
    return Reading(points, grade, rules, answers(campaign, values, grade))


def answers(campaign: CompiledCampaign, values: Values, grade: str) -> tuple[Answer, ...]:
    """Return what every contract of the campaign says to a lead of this grade."""
    return tuple(_answer(contract, values, grade) for contract in campaign.contracts)


def _answer(contract: CompiledContract, values: Values, grade: str) -> Answer:
    failing = contract.first_failing(values, grade)
    if failing is not None:
        return Answer(contract, 0, "", failing)
    return Answer(contract, *contract.price(values, grade), None)
