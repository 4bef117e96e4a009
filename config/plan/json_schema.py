"""A JSON Schema of the plan's YAML, for editors that complete and underline while a plan is written.

It knows keys and the forms of values. What needs the whole plan (which fields there are, which ids) only the check
knows, so a plan may please the schema and still be refused, never the other way round. Editors read numbers and
booleans as such, so both they and texts are allowed where a plan has them.
"""

from __future__ import annotations

from typing import Any, Final

from config.plan import keys
from config.plan.condition_reading import OPS
from config.plan.keys import Keys
from config.plan.model import FORMAT
from config.plan.money import CURRENCIES
from config.plan.scalars import FIELD_NAME, ID
from config.plan.times import DAYS, WEEK_DAYS
from config.plan.values import KINDS

Schema = dict[str, Any]

_NUMBER: Final[Schema] = {"type": ["integer", "string"], "description": "a whole number above 0"}
_SIGNED: Final[Schema] = {"type": ["integer", "string"], "description": "a whole number, not 0"}
_AMOUNT: Final[Schema] = {"type": ["number", "string"], "description": "an amount of the plan's currency, like 42.00"}
_SCALAR: Final[Schema] = {"type": ["string", "number", "integer", "boolean"]}
_NAME: Final[Schema] = {"type": "string", "minLength": 1}
_BOOLEAN: Final[Schema] = {"type": "boolean"}
_DURATION: Final[Schema] = {"type": "string", "pattern": "^[0-9]+[smhdw]$", "description": "like 90s, 15m, 24h, 30d"}
_SPAN: Final[Schema] = {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2} ?- ?[0-9]{2}:[0-9]{2}$"}
_CONDITION: Final[Schema] = {"$ref": "#/$defs/condition"}
_CAPS: Final[Schema] = {"$ref": "#/$defs/caps"}
_ID_PATTERN: Final = f"^{ID.pattern}$"
_NAME_PATTERN: Final = f"^{FIELD_NAME.pattern}$"


def plan_schema() -> Schema:
    """Return the schema as a JSON object (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "leadflow distribution plan",
        **_section(
            keys.PLAN,
            leadflow=_words(FORMAT, str(FORMAT)),
            currency=_words(*CURRENCIES),
            week_starts=_words(*WEEK_DAYS),
            campaigns=_by(_ID_PATTERN, _campaign()),
            suppliers=_by(_ID_PATTERN, _supplier()),
            buyers=_by(_ID_PATTERN, _buyer()),
        ),
        "$defs": {"condition": _condition(), "caps": _caps()},
    }


def _campaign() -> Schema:
    rule = _section(keys.RULE, when=_CONDITION, add=_SIGNED)
    dedupe = _section(
        keys.DEDUPE,
        match=_words("any", "all"),
        of=_list(_NAME),
        within=_DURATION,
        scope=_words("campaign", "everywhere"),
    )
    shared = _section(keys.SELL, shared=_NUMBER)
    return _section(
        keys.CAMPAIGN,
        fields=_by(_NAME_PATTERN, _field()),
        dedupe=_either(_words("none"), dedupe),
        sell_within=_DURATION,
        scoring=_section(keys.SCORING, points=_by(_NAME_PATTERN, rule, 0), grades=_by("^[ABC]$", _SIGNED, 0)),
        distribution=_section(
            keys.DISTRIBUTION, sell=_either(_words("exclusive"), shared), method=_words("weighted_round_robin")
        ),
    )


def _field() -> Schema:
    return _section(
        keys.FIELD,
        type=_words(*KINDS),
        required=_BOOLEAN,
        personal=_BOOLEAN,
        region={"type": "string", "pattern": "^[A-Z]{2}$"},
        min=_SCALAR,
        max=_SCALAR,
        pattern=_NAME,
        values=_list(_SCALAR),
    )


def _supplier() -> Schema:
    payout = _either(_words("nothing"), _AMOUNT)
    terms = _section(keys.SUPPLIER_TERMS, payout=payout, owed=_words("on_first_sale"))
    return _section(keys.SUPPLIER, campaigns=_by(_ID_PATTERN, terms, 0), name=_NAME)


def _buyer() -> Schema:
    times = _either(_words("closed"), _SPAN, _list(_SPAN))
    days = "|".join(DAYS)
    return _section(
        keys.BUYER,
        name=_NAME,
        time_zone={"type": "string", "description": "the zone of a place, like America/New_York"},
        hours=_either(_words("always"), _by(f"^({days})(-({days}))?$", times)),
        caps=_CAPS,
        delivery=_words("topic"),
        contracts=_by(_ID_PATTERN, _contract(), 0),
        when_closed=_words("skip"),
        tests=_BOOLEAN,
    )


def _contract() -> Schema:
    price = _section(keys.PRICE, **{"is": _either(_words("free"), _AMOUNT), "when": _CONDITION})
    return _section(
        keys.CONTRACT,
        campaign=_NAME,
        accept=_CONDITION,
        price=_either(_words("free"), _AMOUNT, _list(price)),
        caps=_CAPS,
        priority=_NUMBER,
        weight=_NUMBER,
        fields=_list(_NAME),
    )


def _caps() -> Schema:
    leads = _section(keys.LIMITS, **dict.fromkeys(keys.LIMITS.optional, _NUMBER))
    spend = _section(keys.LIMITS, **dict.fromkeys(keys.LIMITS.optional, _AMOUNT))
    return _either(_words("unlimited"), {**_section(keys.CAPS, leads=leads, spend=spend), "minProperties": 1})


def _condition() -> Schema:
    values = _list(_SCALAR)
    beginnings = _either(_SCALAR, values)
    ops = dict.fromkeys(OPS, _SCALAR) | {"one_of": values, "between": values, "starts_with": beginnings}
    tests = {"type": "object", "properties": ops, "additionalProperties": False, "minProperties": 1}
    joins = {"any": _list(_CONDITION), "all": _list(_CONDITION), "not": _CONDITION}
    parts = {
        "type": "object",
        "properties": joins,
        "additionalProperties": _either(_SCALAR, values, tests),
        "minProperties": 1,
    }
    return _either(_words("everything"), parts)


def _section(known: Keys, **properties: Schema) -> Schema:
    if set(properties) != {*known.required, *known.optional}:
        raise ValueError(f"the schema says {sorted(properties)}, the language {known}")
    return {
        "type": "object",
        "properties": properties,
        "required": list(known.required),
        "additionalProperties": False,
    }


def _by(pattern: str, value: Schema, least: int = 1) -> Schema:
    """Return the schema of a mapping from names that people choose."""
    return {
        "type": "object",
        "patternProperties": {pattern: value},
        "additionalProperties": False,
        "minProperties": least,
    }


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item, "minItems": 1}


def _words(*words: object) -> Schema:
    return {"enum": list(words)}


def _either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}
