"""A plan ready for deciding: conditions compiled, contracts indexed, terms hashed; made once per version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from config.plan.canonical import plan_hash
from config.plan.condition_index import ConditionIndex
from config.plan.conditions import (
    EVERYTHING,
    Condition,
    Failing,
    Values,
    compile_condition,
    describe,
    fields_of,
    first_failing,
)
from config.plan.model import (
    LOWEST_GRADE,
    Buyer,
    Campaign,
    Contract,
    DedupeRule,
    FieldRule,
    Plan,
    PriceRule,
    SupplierTerms,
)
from config.plan.money import amount_text
from config.plan.settings import BuyerSettings, buyer_settings
from config.plan.terms import terms_hash

#: How much of a price's condition is said: the words ride in each candidate of an Offer, and in each sale.
RULE_CHARS_MAX: Final = 200

#: Points, grade, and the rules that gave points with what each gave.
Scored = tuple[int, str, tuple[tuple[str, int], ...]]


class Verdict(NamedTuple):
    """Whether a contract accepts a lead, and if not, its first failing test (see `Failing`)."""

    holds: bool
    failing: Failing | None


@dataclass(frozen=True, slots=True)
class CompiledContract:
    """One contract, ready to price and to explain. `terms` is the hash of its price and filters (rule 14)."""

    contract_id: str
    buyer_id: str
    campaign_id: str
    priority: int
    weight: int
    fields: tuple[str, ...]
    terms: str
    accept: Condition
    _prices: tuple[_Price, ...]

    def price(self, values: Values, grade: str) -> tuple[int, str]:
        """Return the price in minor units, and the rule that set it in words (`grade is A: 55.00 USD`)."""
        for price in self._prices:
            if price.holds(values, grade):
                return price.minor, price.words
        raise AssertionError("a checked price ends with a rule that always holds")

    @property
    def one_price(self) -> tuple[int, str] | None:
        """The price and its words where every lead costs the same; None where it depends on the lead."""
        return (self._prices[0].minor, self._prices[0].words) if len(self._prices) == 1 else None

    def accepts(self, values: Values, grade: str) -> Verdict:
        """Ask this contract alone, with the reason of a no; `CompiledCampaign.eligible` asks all at once."""
        failing = first_failing(self.accept, values, grade)
        return Verdict(failing is None, failing)

    def first_failing(self, values: Values, grade: str) -> Failing | None:
        """Return (fields, wanted, got) of the first part of `accept` that fails, None if the contract accepts."""
        return first_failing(self.accept, values, grade)


class _Price:
    __slots__ = ("holds", "minor", "words")

    def __init__(self, rule: PriceRule, alone: bool, currency: str) -> None:
        self.holds = compile_condition(rule.when or EVERYTHING)
        self.minor = rule.minor
        amount = f"{amount_text(rule.minor, currency)} {currency}"
        when = describe(rule.when) if rule.when is not None else "otherwise"
        if len(when) > RULE_CHARS_MAX:
            when = f"{when[:RULE_CHARS_MAX]} ..."
        self.words = amount if alone else f"{when}: {amount}"


class CompiledCampaign:
    """A campaign ready for deciding; `fields`, `dedupe`, `contracts` in the order of the plan.

    `values` are always canonical strings by field name: a slip's `attributes` and `private` joined.
    """

    def __init__(self, campaign: Campaign, contracts: tuple[CompiledContract, ...], read: frozenset[str]) -> None:
        self.id = campaign.id
        self.fields: tuple[FieldRule, ...] = tuple(
            msgspec.structs.replace(rule, condition_read=rule.name in read) for rule in campaign.fields
        )
        self.dedupe: DedupeRule | None = campaign.dedupe
        self.sell_within_ms = campaign.sell_within_ms
        self.rights = campaign.rights
        self.method = campaign.method
        self.contracts = contracts
        self.private_fields = frozenset(rule.name for rule in self.fields if rule.personal and rule.condition_read)
        self._rules = tuple((rule.name, rule.add) for rule in campaign.scoring)
        self._grades = tuple((grade.points, grade.grade) for grade in campaign.grades)
        self._scores = ConditionIndex([rule.when for rule in campaign.scoring], self._score)
        self._eligible = ConditionIndex([contract.accept for contract in contracts], self._picked)

    def __repr__(self) -> str:
        return f"CompiledCampaign({self.id})"

    def score(self, values: Values) -> Scored:
        """Return the points, the grade, and the rules that gave points, in the order of the plan."""
        return self._scores.ask(values, "")

    def eligible(self, values: Values, grade: str) -> tuple[CompiledContract, ...]:
        """Return the contracts whose accept condition holds, in the order of the plan, from the index."""
        return self._eligible.ask(values, grade)

    def _score(self, held: tuple[int, ...]) -> Scored:
        rules = tuple(self._rules[number] for number in held)
        points = sum(add for _, add in rules)
        grade = next((grade for lowest, grade in self._grades if points >= lowest), LOWEST_GRADE)
        return points, grade, rules

    def _picked(self, accepting: tuple[int, ...]) -> tuple[CompiledContract, ...]:
        return tuple(self.contracts[number] for number in accepting)


class CompiledPlan:
    """A version of the plan, ready for deciding. Immutable, apart from what indexes remember within bounds."""

    def __init__(self, plan: Plan, version: int) -> None:
        self.plan = plan
        self.version = version
        self.hash = plan_hash(plan)
        self.currency = plan.currency
        self._terms = {c.id: terms_hash(c, plan.currency) for buyer in plan.buyers for c in buyer.contracts}
        self._buyers = {buyer.id: buyer for buyer in plan.buyers}
        self.buyer_ids: tuple[str, ...] = tuple(self._buyers)
        self.campaigns: Mapping[str, CompiledCampaign] = {
            campaign.id: self._campaign(campaign) for campaign in plan.campaigns
        }
        self._suppliers = {s.id: {terms.campaign_id: terms for terms in s.campaigns} for s in plan.suppliers}

    def __repr__(self) -> str:
        return f"CompiledPlan(version {self.version}, {self.hash[:12]})"

    def has_supplier(self, supplier_id: str) -> bool:
        """Say whether the plan knows the supplier at all."""
        return supplier_id in self._suppliers

    def supplier_terms(self, supplier_id: str, campaign_id: str) -> SupplierTerms | None:
        """Return what the supplier is owed in the campaign, None if it may not send into it."""
        return self._suppliers.get(supplier_id, {}).get(campaign_id)

    def buyer_terms(self, buyer_id: str, applied_at: int) -> BuyerSettings:
        """Return what the buyer's owner must know, retired contracts and retired buyers included.

        Raises:
            KeyError: the plan has never known this buyer.
        """
        return buyer_settings(self.plan, self._buyers.get(buyer_id), buyer_id, self.version, applied_at)

    def _campaign(self, campaign: Campaign) -> CompiledCampaign:
        own = [(buyer, c) for buyer in self.plan.buyers for c in buyer.contracts if c.campaign_id == campaign.id]
        contracts = tuple(self._contract(buyer, contract) for buyer, contract in own)
        conditions = [rule.when for rule in campaign.scoring]
        for _, contract in own:
            conditions += [contract.accept, *(rule.when for rule in contract.price if rule.when is not None)]
        read = frozenset(name for condition in conditions for name in fields_of(condition))
        return CompiledCampaign(campaign, contracts, read)

    def _contract(self, buyer: Buyer, contract: Contract) -> CompiledContract:
        alone = len(contract.price) == 1
        return CompiledContract(
            contract_id=contract.id,
            buyer_id=buyer.id,
            campaign_id=contract.campaign_id,
            priority=contract.priority,
            weight=contract.weight,
            fields=contract.fields,
            terms=self._terms[contract.id],
            accept=contract.accept,
            _prices=tuple(_Price(rule, alone, self.currency) for rule in contract.price),
        )


def compile_plan(plan: Plan, version: int) -> CompiledPlan:
    """Compile a checked plan; `version` is the number it was published under (0: not yet published)."""
    return CompiledPlan(plan, version)
