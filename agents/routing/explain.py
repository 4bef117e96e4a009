"""Why each contract of a campaign would or would not take a lead, by a given version of the plan.

Recomputed on demand, never recorded: the plan's history is kept for ever and conditions are pure. `got` may hold a
person's value; it is for those who may see it, never for a log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from config.plan.compiled import CompiledPlan
from schemas.records import Candidate


class Explanation(NamedTuple):
    """One contract's answer.

    Either the first test that fails, with what it wants and what was there, or `accepts` with the price in minor
    units and the rule that sets it. `rank` is its place (from 1) in a route that was recorded, 0 if it is not in it.
    """

    contract_id: str
    buyer_id: str
    priority: int
    accepts: bool
    test: str
    wanted: str
    got: str
    price_minor: int
    price_rule: str
    rank: int


def explain(
    plan: CompiledPlan, campaign_id: str, values: Mapping[str, str], grade: str, route: Sequence[Candidate] = ()
) -> tuple[Explanation, ...]:
    """Return every contract of the campaign, in the order of the plan; () when the plan has no such campaign.

    Args:
        plan: the version that the lead was routed by.
        campaign_id: the lead's campaign.
        values: canonical strings by field: the slip's `attributes` and `private`, or what of them is known.
        grade: the lead's grade.
        route: the candidates of an Offer of this lead, in rank order, if one is at hand.
    """
    campaign = plan.campaigns.get(campaign_id)
    ranks = {candidate.contract_id: rank for rank, candidate in enumerate(route, start=1)}
    explanations: list[Explanation] = []
    for contract in campaign.contracts if campaign is not None else ():
        failing = contract.first_failing(values, grade)
        test, wanted, got = failing if failing is not None else ("", "", "")
        price, rule = contract.price(values, grade) if failing is None else (0, "")
        rank = ranks.get(contract.contract_id, 0)
        explanations.append(
            Explanation(
                contract_id=contract.contract_id,
                buyer_id=contract.buyer_id,
                priority=contract.priority,
                accepts=failing is None,
                test=test,
                wanted=wanted,
                got=got,
                price_minor=price,
                price_rule=rule,
                rank=rank,
            )
        )
    return tuple(explanations)
