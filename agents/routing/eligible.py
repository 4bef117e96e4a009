"""Who may be asked for a lead: the contracts that accept it, less those that are known to be closed.

A `Market` is a campaign of one plan version with what routing needs of it worked out once: the candidates of contracts
with one price, the stakes of each set of contracts that has met, and who accepts tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from agents.routing.pick import Picks, Stakes, is_plain, pick_by_buyer, pick_by_stakes, stakes_of
from agents.status_view import StatusView, skip_step
from config.plan.compiled import CompiledCampaign, CompiledContract, CompiledPlan
from schemas.reasons import CAPPED, Reason
from schemas.records import BuyerStatus, Candidate, Slip, Step

#: Most skips written into a trace. Every reason is kept once, so that the sum of them stays true.
SKIPS_MAX: Final = 50

#: What a test lead costs, and the rule that says so.
TEST_PRICE: Final = (0, "test lead: free")

#: Sets of contracts remembered for a campaign. Full: begun anew.
_LINEUPS_MAX: Final = 4_096

Contracts = tuple[CompiledContract, ...]


class Lineup:
    """A set of contracts that may meet again, in the order of the plan, with what is the same each time.

    `candidates` has None for a contract whose price depends on the lead; `varying` says that there are such. `fixed`
    are the candidates of the others, and `value_minor` the highest of their prices.
    """

    __slots__ = ("_plain", "_stakes", "candidates", "contracts", "fixed", "ids", "value_minor", "varying")

    def __init__(self, contracts: Contracts) -> None:
        self.contracts = contracts
        self.ids = tuple([contract.contract_id for contract in contracts])
        self.candidates = tuple([_only_candidate(contract) for contract in contracts])
        self.fixed = tuple([candidate for candidate in self.candidates if candidate is not None])
        self.varying = len(self.fixed) < len(contracts)
        self.value_minor = max((candidate.price_minor for candidate in self.fixed), default=0)
        self._plain = is_plain(contracts)
        self._stakes: dict[int, Stakes] = {}

    def pick(self, credits: Sequence[float], rights: int) -> Picks:
        """Pick for the rights of a lead; `credits` in the order of the contracts."""
        if not self._plain:
            return pick_by_buyer(self.contracts, credits, rights)
        stakes = self._stakes.get(rights)
        if stakes is None:
            stakes = self._stakes[rights] = stakes_of(self.contracts, rights)
        return pick_by_stakes(stakes, credits)


class Field(NamedTuple):
    """The contracts that may be asked, each with its candidate, and who was skipped.

    `accepting` counts all that accept the lead, skipped ones included; `value_minor` is the highest price among them.
    """

    lineup: Lineup
    candidates: Sequence[Candidate]
    skipped: Sequence[Step]
    accepting: int
    value_minor: int


class Market:
    """A campaign ready for routing."""

    def __init__(self, campaign: CompiledCampaign, tests_taken_by: frozenset[str]) -> None:
        self.campaign = campaign
        self._tests_taken_by = tests_taken_by
        self._candidates: dict[tuple[str, int, str], Candidate] = {}
        self._lineups: dict[tuple[str, ...], Lineup] = {}
        self._met: dict[int, Lineup] = {}
        self._skips: dict[str, tuple[BuyerStatus, Step]] = {}

    def field(self, slip: Slip, grade: str, view: StatusView, now_ms: int) -> Field:
        """Return who may be asked for this lead now, by what the view knows (P1)."""
        values = {**slip.attributes, **slip.private} if slip.private else slip.attributes
        accepting = self.campaign.eligible(values, grade)
        if slip.test:
            return self._field_of_test(accepting, view, now_ms)
        lineup = self._lineup_of(accepting)
        candidates, value_minor = self._priced(lineup, values, grade)
        if view.all_open(lineup.ids):
            return Field(lineup, candidates, (), len(accepting), value_minor)
        statuses = [view.closing(contract_id, now_ms) for contract_id in lineup.ids]
        places = [place for place, status in enumerate(statuses) if status is None]
        return Field(
            self._lineup([accepting[place] for place in places]),
            [candidates[place] for place in places],
            _bounded([self._skip(status, now_ms) for status in statuses if status is not None]),
            len(accepting),
            value_minor,
        )

    def _field_of_test(self, accepting: Contracts, view: StatusView, now_ms: int) -> Field:
        """Return who may be asked for a test lead: only who accepts tests, at price 0, whatever its caps."""
        asked: list[CompiledContract] = []
        skipped: list[Step] = []
        for contract in accepting:
            status = view.closing(contract.contract_id, now_ms)
            if contract.buyer_id not in self._tests_taken_by:
                reason = Reason.TESTS_NOT_ACCEPTED
                skipped.append(Step(contract.buyer_id, contract.contract_id, now_ms, reason, "by the plan"))
            elif status is not None and status.reason not in CAPPED:
                skipped.append(skip_step(status, now_ms))
            else:
                asked.append(contract)
        candidates = [self._candidate(contract, *TEST_PRICE) for contract in asked]
        return Field(self._lineup(asked), candidates, _bounded(skipped), len(accepting), 0)

    def _lineup_of(self, accepting: Contracts) -> Lineup:
        """Return the lineup of an answer; the index of the plan gives the same object for the same answer."""
        lineup = self._met.get(id(accepting))
        if lineup is None or lineup.contracts is not accepting:  # the id may be that of a tuple that is gone
            if len(self._met) >= _LINEUPS_MAX:
                self._met.clear()
            lineup = self._met[id(accepting)] = Lineup(accepting)
        return lineup

    def _lineup(self, contracts: Sequence[CompiledContract]) -> Lineup:
        ids = tuple([contract.contract_id for contract in contracts])
        lineup = self._lineups.get(ids)
        if lineup is None:
            if len(self._lineups) >= _LINEUPS_MAX:
                self._lineups.clear()
            lineup = self._lineups[ids] = Lineup(tuple(contracts))
        return lineup

    def _priced(self, lineup: Lineup, values: Mapping[str, str], grade: str) -> tuple[Sequence[Candidate], int]:
        """Return the candidates at the prices for these values, and the highest price."""
        if not lineup.varying:
            return lineup.fixed, lineup.value_minor
        candidates = [
            candidate or self._candidate(contract, *contract.price(values, grade))
            for contract, candidate in zip(lineup.contracts, lineup.candidates, strict=True)
        ]
        return candidates, max([candidate.price_minor for candidate in candidates])

    def _candidate(self, contract: CompiledContract, price_minor: int, rule: str) -> Candidate:
        """Return the candidate; there are as many as the contracts' price lists have lines."""
        key = (contract.contract_id, price_minor, rule)
        candidate = self._candidates.get(key)
        if candidate is None:
            candidate = Candidate(contract.buyer_id, contract.contract_id, price_minor, rule, contract.terms)
            self._candidates[key] = candidate
        return candidate

    def _skip(self, status: BuyerStatus, now_ms: int) -> Step:
        """Return the line of the trace, the same object for all leads of an epoch."""
        known = self._skips.get(status.contract_id)
        if known is None or known[0] is not status or known[1].at != now_ms:
            known = self._skips[status.contract_id] = (status, skip_step(status, now_ms))
        return known[1]


def markets_of(plan: CompiledPlan) -> dict[str, Market]:
    """Return the markets of a plan by campaign id."""
    tests_taken_by = frozenset(buyer.id for buyer in plan.plan.buyers if buyer.tests)
    return {campaign_id: Market(campaign, tests_taken_by) for campaign_id, campaign in plan.campaigns.items()}


def _only_candidate(contract: CompiledContract) -> Candidate | None:
    """Return the candidate of a contract that asks the same price of every lead, None of any other."""
    if contract.one_price is None:
        return None
    return Candidate(contract.buyer_id, contract.contract_id, *contract.one_price, contract.terms)


def _bounded(steps: list[Step]) -> list[Step]:
    if len(steps) <= SKIPS_MAX:
        return steps
    first_of_each = list({step.reason: step for step in reversed(steps)}.values())
    others = [step for step in steps if step not in first_of_each]
    return first_of_each + others[: SKIPS_MAX - len(first_of_each)]
