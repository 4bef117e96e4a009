"""Who may be asked for a lead: the contracts that accept it, less those that are known to be closed.

A `Market` is a campaign of one plan version with what routing needs of it worked out once: the candidates by price,
whether its contracts are plain to rank, and who accepts tests.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from agents.routing.pick import is_plain
from agents.status_view import Closing, skip_step
from config.plan.compiled import CompiledCampaign, CompiledContract, CompiledPlan
from schemas.reasons import CAPPED, Reason
from schemas.records import BuyerStatus, Candidate, Slip, Step

#: Most skips written into a trace. Every reason is kept once, so that the sum of them stays true.
SKIPS_MAX: Final = 50

#: What a test lead costs, and the rule that says so.
TEST_PRICE: Final = (0, "test lead: free")


class Field(NamedTuple):
    """The contracts that may be asked, in the order of the plan, each with its candidate; and who was skipped.

    `accepting` counts all that accept the lead, skipped ones included; `value_minor` is the highest price among them.
    """

    contracts: list[CompiledContract]
    candidates: list[Candidate]
    skipped: list[Step]
    accepting: int
    value_minor: int


class Market:
    """A campaign ready for routing."""

    def __init__(self, campaign: CompiledCampaign, tests_taken_by: frozenset[str], plain: bool) -> None:
        self.campaign = campaign
        self.plain = plain
        self._tests_taken_by = tests_taken_by
        self._candidates: dict[tuple[str, int, str], Candidate] = {}

    def field(self, slip: Slip, grade: str, closing: Closing, now_ms: int) -> Field:
        """Return who may be asked for this lead now; `closing` is the status view's (P1)."""
        values = {**slip.attributes, **slip.private} if slip.private else slip.attributes
        accepting = self.campaign.eligible(values, grade)
        contracts: list[CompiledContract] = []
        candidates: list[Candidate] = []
        skipped: list[Step] = []
        value_minor = 0
        for contract in accepting:
            price, rule = TEST_PRICE if slip.test else contract.price(values, grade)
            if price > value_minor:
                value_minor = price
            step = self._skip(contract, slip.test, closing(contract.contract_id, now_ms), now_ms)
            if step is None:
                contracts.append(contract)
                candidates.append(self._candidate(contract, price, rule))
            else:
                skipped.append(step)
        return Field(contracts, candidates, _bounded(skipped), len(accepting), value_minor)

    def _skip(self, contract: CompiledContract, test: bool, status: BuyerStatus | None, now_ms: int) -> Step | None:
        """Return the line of the trace for a contract that is not asked. Caps do not close it for a test lead."""
        if test and contract.buyer_id not in self._tests_taken_by:
            return Step(contract.buyer_id, contract.contract_id, now_ms, Reason.TESTS_NOT_ACCEPTED, "by the plan")
        if status is None or (test and status.reason in CAPPED):
            return None
        return skip_step(status, now_ms)

    def _candidate(self, contract: CompiledContract, price_minor: int, rule: str) -> Candidate:
        """Return the candidate; there are as many as the contracts' price lists have lines."""
        key = (contract.contract_id, price_minor, rule)
        candidate = self._candidates.get(key)
        if candidate is None:
            candidate = Candidate(contract.buyer_id, contract.contract_id, price_minor, rule, contract.terms)
            self._candidates[key] = candidate
        return candidate


def markets_of(plan: CompiledPlan) -> dict[str, Market]:
    """Return the markets of a plan by campaign id."""
    tests_taken_by = frozenset(buyer.id for buyer in plan.plan.buyers if buyer.tests)
    return {
        campaign_id: Market(campaign, tests_taken_by, is_plain(campaign.contracts))
        for campaign_id, campaign in plan.campaigns.items()
    }


def _bounded(steps: list[Step]) -> list[Step]:
    if len(steps) <= SKIPS_MAX:
        return steps
    first_of_each = list({step.reason: step for step in reversed(steps)}.values())
    others = [step for step in steps if step not in first_of_each]
    return first_of_each + others[: SKIPS_MAX - len(first_of_each)]
