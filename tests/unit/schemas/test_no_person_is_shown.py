"""What Python shows of a record never holds a person's value: logs, assertion errors and debuggers show reprs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.avro_files import personal_fields
from schemas.codec import Codec
from schemas.records import Record
from schemas.slip import Slips
from tests.unit.schemas.examples import TYPES, filled

SECRET = "Zyxwvut"


def with_secrets(value: Any) -> Any:
    """Put the secret into every personal field, at any depth."""
    if isinstance(value, tuple):
        return tuple(with_secrets(item) for item in value)
    if not isinstance(value, Record):
        return value
    personal = personal_fields(type(value).__name__)
    changes = {}
    for name in value.__struct_fields__:
        old = getattr(value, name)
        changes[name] = _secret_like(old) if name in personal else with_secrets(old)
    return msgspec.structs.replace(value, **changes)


def _secret_like(old: Any) -> Any:
    if isinstance(old, dict):
        return {SECRET: _secret_like(next(iter(old.values())))}
    if isinstance(old, Record):
        return with_secrets(old)
    return SECRET.encode() if isinstance(old, bytes) else SECRET


@pytest.mark.parametrize("name", TYPES)
def test_a_repr_shows_no_person(name: str) -> None:
    record = with_secrets(filled(TYPES[name]))
    for shown in (repr(record), str(record), f"{record}", repr([record])):
        assert SECRET not in shown


def test_an_opened_offer_shows_no_person() -> None:
    codec = Codec()
    head, _, _ = Slips(codec).open_offer(codec.encode(with_secrets(filled(TYPES["Offer"]))))
    assert SECRET not in repr(head)
    head2, _, _ = Slips(codec).open_reroute(codec.encode(with_secrets(filled(TYPES["Reroute"]))))
    assert SECRET not in repr(head2)
