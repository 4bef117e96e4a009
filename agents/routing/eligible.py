"""Who may be asked for a lead: the contracts that accept it, less those that are known to be closed.

A `Market` is a campaign of one plan version with what routing needs of it worked out once: the candidates of contracts
with one price, the stakes of each set of contracts that has met, and who accepts tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from agents.routing.pick import Picks, Stakes, is_plain, pick_by_buyer, pick_by_stakes, stakes_of
from agents.status_view import StatusView, skip_step
from config.plan.compiled import CompiledCampaign, CompiledContract, CompiledPlan
from schemas.reasons import CAPPED, Reason
from schemas.records import Candidate, Step
from schemas.route import Pool

#: Most skips written into a trace. Every reason is kept once, so that the sum of them stays true.
SKIPS_MAX: Final = 50

#: What a test lead costs, and the rule that says so.
TEST_PRICE: Final = (0, "test lead: free")

#: Sets of contracts remembered for a campaign. Full: begun anew.
_LINEUPS_MAX: Final = 4_096

Contracts = tuple[CompiledContract, ...]


class Lineup:
    """A set of contracts that may meet again, in the order of the plan, with what is the same each time.

    `varying` says that some price depends on the lead; `pool` are the candidates of the contracts whose price does
    not, and `value_minor` the highest of their prices.
    """

    __slots__ = ("_plain", "_stakes", "_values_in", "_without", "contracts", "ids", "pool", "value_minor", "varying")

    def __init__(self, contracts: Contracts) -> None:
        self.contracts = contracts
        self.ids = tuple([contract.contract_id for contract in contracts])
        fixed = [candidate for contract in contracts if (candidate := _only_candidate(contract)) is not None]
        self.varying = len(fixed) < len(contracts)
        self.value_minor = max((candidate.price_minor for candidate in fixed), default=0)
        self.pool = Pool(fixed)
        self._plain = is_plain(contracts)
        self._stakes: dict[int, Stakes] = {}
        self._without: dict[frozenset[str], Lineup] = {}
        self._values_in = itemgetter(*self.ids) if len(self.ids) > 1 else None

    def values_in(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """Return what a mapping by contract holds for each, in their order. Raises KeyError."""
        if self._values_in is None:
            return tuple([values[contract_id] for contract_id in self.ids])
        found: tuple[float, ...] = self._values_in(values)
        return found

    def without(self, closed: frozenset[str]) -> Lineup:
        """Return the lineup of all but these contracts; the same object for the same question."""
        lineup = self._without.get(closed)
        if lineup is None:
            if len(self._without) >= _LINEUPS_MAX // 16:
                self._without.clear()
            rest = tuple([contract for contract in self.contracts if contract.contract_id not in closed])
            lineup = self._without[closed] = Lineup(rest)
        return lineup

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
    pool: Pool
    skipped: tuple[Step, ...]
    accepting: int
    value_minor: int

    @property
    def candidates(self) -> Sequence[Candidate]:
        """The candidates of the lineup's contracts, in their order."""
        return self.pool.candidates


class Market:
    """A campaign ready for routing."""

    def __init__(self, campaign: CompiledCampaign, tests_taken_by: frozenset[str]) -> None:
        self.campaign = campaign
        self._tests_taken_by = tests_taken_by
        self._candidates: dict[tuple[str, int, str], Candidate] = {}
        self._lineups: dict[tuple[str, ...], Lineup] = {}
        self._met: dict[int, Lineup] = {}
        #: The fields of this moment, and the skips in them: of what the view knew when, and of one time.
        self._fields: dict[Lineup, Field] = {}
        self._skips: dict[str, Step] = {}
        self._moment: tuple[StatusView | None, int, int] = (None, -1, -1)

    def field(self, values: Mapping[str, str], grade: str, view: StatusView, now_ms: int, *, test: bool) -> Field:
        """Return who may be asked for a lead of these values now, by what the view knows (P1)."""
        accepting = self.campaign.eligible(values, grade)
        if test:
            return self._field_of_test(accepting, view, now_ms)
        if self._moment != (view, view.changes, now_ms):
            self._fields.clear()
            self._skips.clear()
            self._moment = (view, view.changes, now_ms)
        lineup = self._lineup_of(accepting)
        field = self._fields.get(lineup)
        if field is None:
            field = self._fields[lineup] = self._field_of(lineup, view, now_ms)
        return self._priced(field, accepting, values, grade) if lineup.varying else field

    def _field_of(self, lineup: Lineup, view: StatusView, now_ms: int) -> Field:
        """Return the field of all leads of this moment that the same contracts accept; prices that vary are open."""
        skips = self._skips
        closed = []
        for contract_id in view.maybe_closed(lineup.ids):
            if contract_id not in skips:
                status = view.closing(contract_id, now_ms)
                if status is None:
                    continue
                skips[contract_id] = skip_step(status, now_ms)
            closed.append(contract_id)
        if not closed:
            return Field(lineup, lineup.pool, (), len(lineup.ids), lineup.value_minor)
        opened = lineup.without(frozenset(closed))
        steps = _bounded([skips[contract_id] for contract_id in closed])
        return Field(opened, opened.pool, steps, len(lineup.ids), lineup.value_minor)

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
        pool = Pool([self._candidate(contract, *TEST_PRICE) for contract in asked])
        return Field(self._lineup(tuple(asked)), pool, _bounded(skipped), len(accepting), 0)

    def _lineup_of(self, accepting: Contracts) -> Lineup:
        """Return the lineup of an answer; the index of the plan gives the same object for the same answer."""
        lineup = self._met.get(id(accepting))
        if lineup is None or lineup.contracts is not accepting:  # the id may be that of a tuple that is gone
            if len(self._met) >= _LINEUPS_MAX:
                self._met.clear()
            lineup = self._met[id(accepting)] = Lineup(accepting)
        return lineup

    def _lineup(self, contracts: Contracts) -> Lineup:
        ids = tuple([contract.contract_id for contract in contracts])
        lineup = self._lineups.get(ids)
        if lineup is None:
            if len(self._lineups) >= _LINEUPS_MAX:
                self._lineups.clear()
            lineup = self._lineups[ids] = Lineup(contracts)
        return lineup

    def _priced(self, field: Field, accepting: Contracts, values: Mapping[str, str], grade: str) -> Field:
        """Return the field with the candidates at the prices for these values."""
        prices = {contract.contract_id: contract.price(values, grade) for contract in accepting}
        pool = Pool([self._candidate(contract, *prices[contract.contract_id]) for contract in field.lineup.contracts])
        return field._replace(pool=pool, value_minor=max(price for price, _ in prices.values()))

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
    return {campaign_id: Market(campaign, tests_taken_by) for campaign_id, campaign in plan.campaigns.items()}


def _only_candidate(contract: CompiledContract) -> Candidate | None:
    """Return the candidate of a contract that asks the same price of every lead, None of any other."""
    if contract.one_price is None:
        return None
    return Candidate(contract.buyer_id, contract.contract_id, *contract.one_price, contract.terms)


def _bounded(steps: list[Step]) -> tuple[Step, ...]:
    if len(steps) <= SKIPS_MAX:
        return tuple(steps)
    first_of_each = list({step.reason: step for step in reversed(steps)}.values())
    others = [step for step in steps if step not in first_of_each]
    return (*first_of_each, *others[: SKIPS_MAX - len(first_of_each)])
