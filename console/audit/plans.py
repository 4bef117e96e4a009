"""What a published version of the plan says, read from its JSON by names alone: the judge's own view of the rules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import msgspec

from console.audit.conditions import GRADE, Values, names, reading, remembering
from schemas.records import Points

_ALWAYS: Mapping[str, Any] = {"type": "all", "parts": []}
_LOWEST_GRADE = "D"
#: Numbers of a field of which it is remembered whether they fit.
_VALUES_MAX = 8_192
#: Answers that one contract remembers; a plan may have thousands, and every version of it is kept.
_ANSWERS_A_CONTRACT = 256


class Limit(NamedTuple):
    """At most `limit` leads, or minor units of spend, in a window (hour, day, week, month, total)."""

    measure: str
    window: str
    limit: int


class Answer(NamedTuple):
    """What a contract says to a lead: whether it accepts it, and its price in minor units (-1: no line of it holds)."""

    accepts: bool
    price_minor: int


class Worth(NamedTuple):
    """What the contracts of a campaign say to a lead: whether any accepts it, and the highest price of those."""

    accepted: bool
    value_minor: int


class Likeness(NamedTuple):
    """A way to recognise a person again: by the same values within a window; `name`: scope, fields and window."""

    name: str
    label: str
    fields: tuple[str, ...]
    within_ms: int


class Scored(NamedTuple):
    """Points, grade, and the rules that held with what each added."""

    points: int
    grade: str
    rules: tuple[Points, ...]


class Contract:
    """One contract: accept, price list, caps, fields that it is given (() means all of the campaign), terms' hash."""

    def __init__(self, buyer_id: str, said: Mapping[str, Any], currency: str) -> None:
        self.id: str = said["id"]
        self.buyer_id = buyer_id
        self.campaign_id: str = said["campaign_id"]
        self.caps = tuple(Limit(*cap) for cap in said.get("caps", ()))
        self.fields = tuple(said.get("fields", ()))
        self.lowest_minor = min(line["minor"] for line in said["price"])
        self.terms = _terms(said, currency)
        conditions = [said["accept"], *(line.get("when") or _ALWAYS for line in said["price"])]
        accepts = reading(said["accept"])
        prices = [(reading(line.get("when") or _ALWAYS), line["minor"]) for line in said["price"]]

        def answer(values: Values, grade: str) -> Answer:
            price_minor = next((minor for holds, minor in prices if holds(values, grade)), -1)
            return Answer(accepts(values, grade), price_minor)

        self.reads = {name for condition in conditions for name in names(condition)} - {GRADE}
        #: What it says to a lead's values and grade; `ask` without remembering it.
        self.ask: Callable[[Values, str], Answer] = answer
        self.answer: Callable[[Values, str], Answer] = remembering(self.reads, answer, _ANSWERS_A_CONTRACT)


class Buyer:
    """One buyer: zone, hours, caps over all of its contracts, whether it takes tests."""

    def __init__(self, said: Mapping[str, Any], currency: str, contracts: Mapping[str, Contract]) -> None:
        self.id: str = said["id"]
        self.name: str = said.get("name", said["id"])
        self.time_zone: str = said["time_zone"]
        self.always_open: bool = said.get("always_open", False)
        self.hours = tuple(tuple(span) for span in said.get("hours", ()))
        self.caps = tuple(Limit(*cap) for cap in said.get("caps", ()))
        self.tests: bool = said.get("tests", False)
        self.contracts = contracts
        self.lowest_minor = min((contract.lowest_minor for contract in contracts.values()), default=0)


class Campaign:
    """One campaign: fields, deduplication, scoring, rights, freshness."""

    def __init__(self, said: Mapping[str, Any], contracts: list[Contract]) -> None:
        self.id: str = said["id"]
        self.rights: int = said["rights"]
        self.sell_within_ms: int = said["sell_within_ms"]
        self.fields: dict[str, Mapping[str, Any]] = {field["name"]: field for field in said["fields"]}
        #: Whether a value fits, of fields that have a type or bounds to hold it against.
        self.bounded = {name: _fitting(field) for name, field in self.fields.items() if _is_bounded(field)}
        self.required = frozenset(name for name, field in self.fields.items() if field.get("required"))
        self.public = frozenset(name for name, field in self.fields.items() if not field.get("personal", True))
        self.likenesses = tuple(likenesses_of(said["id"], said["dedupe"])) if said.get("dedupe") else ()
        self.contracts = contracts
        self._scoring = [(reading(rule["when"]), Points(rule["name"], rule["add"])) for rule in said.get("scoring", ())]
        self._grades = [(grade, points) for grade, points in said.get("grades", ())]
        sold_by = {name for contract in contracts for name in contract.reads}
        #: What its contracts say to a lead's values and grade, whoever is open.
        self.worth: Callable[[Values, str], Worth] = remembering(sold_by, self._worth)

    def score(self, values: Values) -> Scored:
        """Return the score of a lead's values."""
        held = tuple([rule for holds, rule in self._scoring if holds(values, "")])
        points = sum([rule.points for rule in held])
        for grade, lowest in self._grades:
            if points >= lowest:
                return Scored(points, grade, held)
        return Scored(points, _LOWEST_GRADE, held)

    def _worth(self, values: Values, grade: str) -> Worth:
        answers = [contract.ask(values, grade) for contract in self.contracts]
        prices = [answer.price_minor for answer in answers if answer.accepts]
        return Worth(bool(prices), max(prices, default=0))


def _is_bounded(field: Mapping[str, Any]) -> bool:
    kind = field["type"]
    if kind == "enum":
        return bool(field.get("values"))
    return kind == "boolean" or (kind in ("integer", "decimal") and ("min" in field or "max" in field))


def _fitting(field: Mapping[str, Any]) -> Callable[[str], bool]:
    kind = field["type"]
    if kind in ("boolean", "enum"):
        return frozenset(field["values"] if kind == "enum" else ("true", "false")).__contains__

    @lru_cache(maxsize=_VALUES_MAX)
    def fits(value: str) -> bool:
        try:
            number = Decimal(value)
        except InvalidOperation:
            return False
        return Decimal(field.get("min") or number) <= number <= Decimal(field.get("max") or number)

    return fits


def likenesses_of(campaign_id: str, rule: Mapping[str, Any]) -> Iterator[Likeness]:
    """Return the ways in which a rule for duplicates recognises persons."""
    scope = "*" if rule.get("scope", "campaign") == "everywhere" else campaign_id
    for fields in [tuple(sorted(rule["of"]))] if rule["match"] == "all" else [(field,) for field in rule["of"]]:
        label = "+".join(fields)
        yield Likeness(f"{scope}/{label}/{rule['within_ms']}", label, fields, rule["within_ms"])


@dataclass(frozen=True)
class PlanRead:
    """A version of the plan and its broker time. `payouts`: (minor units, when it is owed) by (supplier, campaign)."""

    version: int
    hash: str
    appended_at: int
    currency: str
    week_starts: int
    campaigns: Mapping[str, Campaign]
    buyers: Mapping[str, Buyer]
    payouts: Mapping[tuple[str, str], tuple[int, str]]
    retired_buyers: Mapping[str, str]
    retired_contracts: Mapping[str, str]

    @cached_property
    def contracts(self) -> Mapping[str, Contract]:
        """Every contract by its id."""
        return {id_: contract for buyer in self.buyers.values() for id_, contract in buyer.contracts.items()}


def read_plan(version: int, plan_json: str, appended_at: int) -> PlanRead:
    """Return what a version says. Raises KeyError, TypeError or ValueError when it is no plan's JSON."""
    said = json.loads(plan_json)
    currency, retired = said["currency"], said.get("retired", {})
    buyers = {}
    for buyer in said["buyers"]:
        own = [Contract(buyer["id"], contract, currency) for contract in buyer["contracts"]]
        buyers[buyer["id"]] = Buyer(buyer, currency, {contract.id: contract for contract in own})
    contracts = [contract for buyer in buyers.values() for contract in buyer.contracts.values()]
    campaigns = {
        campaign["id"]: Campaign(campaign, [c for c in contracts if c.campaign_id == campaign["id"]])
        for campaign in said["campaigns"]
    }
    return PlanRead(
        version,
        plan_hash(plan_json),
        appended_at,
        currency,
        said.get("week_starts", 0),
        campaigns,
        buyers,
        dict(_payouts(said)),
        {buyer["id"]: buyer["time_zone"] for buyer in retired.get("buyers", ())},
        {contract["id"]: contract["buyer_id"] for contract in retired.get("contracts", ())},
    )


def _payouts(said: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], tuple[int, str]]]:
    for supplier in said["suppliers"]:
        for terms in supplier["campaigns"]:
            yield (supplier["id"], terms["campaign_id"]), (terms["payout_minor"], terms["owed"])


def plan_hash(plan_json: str) -> str:
    """Return the hash of what a plan says, its list of retired ids left out."""
    said = msgspec.json.decode(plan_json)
    said.pop("retired", None)
    said["retired"] = {}
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


def _terms(contract: Mapping[str, Any], currency: str) -> str:
    """Return the hash of a contract's price and filters: the same terms, the same hash (rule 14)."""
    prices = [[_form(line.get("when") or _ALWAYS), line["minor"]] for line in contract["price"]]
    content = msgspec.json.encode([currency, _form(contract["accept"]), prices])
    return hashlib.sha256(content).hexdigest()[:16]


def _form(condition: Mapping[str, Any]) -> list[Any]:
    kind = condition["type"]
    if kind == "test":
        values = sorted(condition["values"])
        return ["test", condition["field"], condition["op"], values, condition.get("kind", "exact")]
    if kind == "not":
        return ["not", _form(condition["part"])]
    return [kind, *sorted((_form(part) for part in condition.get("parts", ())), key=msgspec.json.encode)]
