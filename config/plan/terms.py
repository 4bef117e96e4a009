"""The hash of a contract's terms: its price and its filters, and nothing else of the plan (rule 14)."""

from __future__ import annotations

import hashlib

import msgspec

from config.plan.conditions import EVERYTHING, AllOf, AnyOf, Condition, FieldTest, NotOf
from config.plan.model import Contract

#: Hex digits of a terms hash; two terms of one contract are told apart, nothing more is asked of it.
TERMS_DIGITS = 16


def terms_hash(contract: Contract, currency: str) -> str:
    """Return the hash of a contract's price (in its currency) and accept condition.

    It is the same in every process, and stays the same when other parts of the plan change, also when the parts of
    a condition are written in another order. Source: rule 14 of the protocol, as corrected.
    """
    price = [[_form(rule.when or EVERYTHING), rule.minor] for rule in contract.price]
    content = msgspec.json.encode([currency, _form(contract.accept), price])
    return hashlib.sha256(content).hexdigest()[:TERMS_DIGITS]


def _form(condition: Condition) -> list[object]:
    """Return a form of the condition that does not depend on the order of its parts."""
    match condition:
        case FieldTest(field=field, op=op, values=values, kind=kind):
            return ["test", field, op, sorted(values), kind]
        case NotOf(part=part):
            return ["not", _form(part)]
        case AllOf(parts=parts):
            return ["all", *_sorted_forms(parts)]
        case AnyOf(parts=parts):
            return ["any", *_sorted_forms(parts)]


def _sorted_forms(parts: tuple[Condition, ...]) -> list[list[object]]:
    return sorted((_form(part) for part in parts), key=msgspec.json.encode)
