"""The schema for editors accepts every sample, and refuses what an editor should underline."""

from __future__ import annotations

import re
from typing import Any

import pytest

from config.plan import plan_schema
from tests.support import core_yaml
from tests.unit.plan.samples import SAMPLES, changed

_NOTES = {"$schema", "title", "$defs", "description"}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def _fits(schema: dict[str, Any], value: object, root: dict[str, Any]) -> bool:
    """Judge by the keywords that the plan's schema uses; a keyword that is not known here fails the test."""
    checks = {
        key: content for key, content in schema.items() if key not in {"$schema", "title", "$defs", "description"}
    }
    return all(_KEYWORDS[key](content, value, schema, root) for key, content in checks.items())


def _type(content: str | list[str], value: object, *_: Any) -> bool:
    names = [content] if isinstance(content, str) else content
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, _TYPES[name]) for name in names)


def _known(content: bool | dict[str, Any], value: object, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    if not isinstance(value, dict):
        return True
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    others = [key for key in value if key not in named and not any(re.search(p, key) for p in patterns)]
    return not others if content is False else all(_fits(content, value[key], root) for key in others)  # type: ignore[arg-type]


def _properties(content: dict[str, Any], value: object, _: object, root: dict[str, Any]) -> bool:
    return not isinstance(value, dict) or all(_fits(content[k], v, root) for k, v in value.items() if k in content)


def _patterns(content: dict[str, Any], value: object, _: object, root: dict[str, Any]) -> bool:
    return not isinstance(value, dict) or all(
        _fits(inner, v, root) for pattern, inner in content.items() for k, v in value.items() if re.search(pattern, k)
    )


_KEYWORDS: dict[str, Any] = {
    "type": _type,
    "enum": lambda content, value, *_: any(value == word and type(value) is type(word) for word in content),
    "pattern": lambda content, value, *_: not isinstance(value, str) or re.search(content, value) is not None,
    "minLength": lambda content, value, *_: not isinstance(value, str) or len(value) >= content,
    "minItems": lambda content, value, *_: not isinstance(value, list) or len(value) >= content,
    "minProperties": lambda content, value, *_: not isinstance(value, dict) or len(value) >= content,
    "required": lambda content, value, *_: not isinstance(value, dict) or all(key in value for key in content),
    "additionalProperties": _known,
    "properties": _properties,
    "patternProperties": _patterns,
    "items": lambda content, value, _, root: (
        not isinstance(value, list) or all(_fits(content, item, root) for item in value)
    ),
    "anyOf": lambda content, value, _, root: any(_fits(schema, value, root) for schema in content),
    "$ref": lambda content, value, _, root: _fits(root["$defs"][content.removeprefix("#/$defs/")], value, root),
}


def _accepts(text: str) -> bool:
    schema = plan_schema()
    return _fits(schema, core_yaml.load(text), schema)


@pytest.mark.parametrize("sample", ["reference.yaml", "us500.yaml", "demo.yaml"])
def test_samples_please_the_schema(sample: str) -> None:
    assert _accepts((SAMPLES / sample).read_text())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("currency: USD", "currency: usd"),
        ("weight: 3", "wait: 3"),
        ("price: 38.00", "prize: 38.00"),
        ("caps: unlimited", "caps: none"),
        ("sell_within: 15m", "sell_within: 15"),
        ("      last_name:    {type: text", "      last_name:    {type: string"),
        ("hours: always", "hours: {monday: 08:00-09:00}"),
        ("hours: always", "hours: {mon: 8-9}"),
        ("accept: everything", "accept: {state: {at_leest: 1}}"),
        ("accept: everything", "accept: {any: {state: CA}}"),
        ("  sunco:", "  Sun_Co:"),
        ("    when_closed: skip                        #", "    when_closed: hold #"),
    ],
)
def test_slips_are_underlined(old: str, new: str) -> None:
    assert not _accepts(changed((old, new)))
