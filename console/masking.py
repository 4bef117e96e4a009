"""Hides persons: what a screen shows of a field that may name or reach somebody.

Masked unless asked. A mask keeps what helps to recognise a value one already knows (first letter, mail domain, last
two digits) and nothing that would let a stranger find the person. A field that is not known counts as personal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from schemas.records import Record

STARS = "***"

#: Fields of any record that hold a person or a part of one. Maps of such values are masked value by value.
PERSONAL = frozenset(
    {
        "first_name",
        "last_name",
        "email",
        "phone",
        "address",
        "city",
        "postal_code",
        "ip_address",
        "user_agent",
        "landing_page_url",
        "trustedform_cert_url",
        "jornaya_leadid",
        "fields",
        "private",
        "headers",
    }
)

#: Not personal by itself, and what makes masked rows worth reading.
PLAIN = frozenset(
    {
        "state",
        "supplier_lead_id",
        "submitted_at",
        "tcpa_text",
        "test",
        "campaign_id",
        "supplier_id",
    }
)


def mask_email(value: str) -> str:
    """Keep the first letter and the domain: `j***@example.org`."""
    name, at, domain = value.rpartition("@")
    return f"{name[:1]}{STARS}@{domain}" if at else _keep_first(value)


def mask_phone(value: str) -> str:
    """Keep the last two digits: `***27`."""
    digits = [sign for sign in value if sign.isdigit()]
    return STARS + "".join(digits[-2:]) if len(digits) > 4 else STARS


def mask_postal_code(value: str) -> str:
    """Keep the first three signs, an area of many thousand people: `902**`."""
    value = value.strip()
    return value[:3] + "*" * (len(value) - 3) if len(value) > 3 else STARS


def mask_url(value: str) -> str:
    """Keep the server, drop path and query."""
    scheme, found, rest = value.partition("://")
    return f"{scheme}://{rest.split('/', 1)[0]}/{STARS}" if found else _keep_first(value)


def _keep_first(value: str) -> str:
    return value[:1] + STARS


_BY_FIELD: dict[str, Callable[[str], str]] = {
    "email": mask_email,
    "phone": mask_phone,
    "postal_code": mask_postal_code,
    "trustedform_cert_url": mask_url,
    "landing_page_url": mask_url,
    "address": lambda _: STARS,
    "ip_address": lambda _: STARS,
    "user_agent": lambda _: STARS,
}


def mask(field: str, value: str | None) -> str:
    """Return what may be shown of a field's value; "" for None and empty values.

    Args:
        field: the campaign's or record's name of the field; one that is not in `PLAIN` counts as personal.
        value: as received or normalised.
    """
    if not value:
        return ""
    if field in PLAIN:
        return value
    return _BY_FIELD.get(field, _keep_first)(value)


def shown(record: Record, *, unmask: bool = False) -> dict[str, Any]:
    """Return a record as plain values by field name, persons masked unless `unmask`; bytes as their length.

    Nested records become nested mappings. Times stay milliseconds: the caller knows how it shows them.
    """
    return {name: _shown(name, getattr(record, name), unmask=unmask) for name in record.__struct_fields__}


def _shown(name: str, value: Any, *, unmask: bool) -> Any:
    if isinstance(value, msgspec.Struct):
        return {inner: _shown(inner, getattr(value, inner), unmask=unmask) for inner in value.__struct_fields__}
    if isinstance(value, tuple):
        return [_shown(name, item, unmask=unmask) for item in value]
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, Mapping):
        return _shown_map(name, value, unmask=unmask)
    if isinstance(value, str) and name in PERSONAL and not unmask:
        return mask(name, value)
    return value


def _shown_map(name: str, values: Mapping[str, Any], *, unmask: bool) -> dict[str, Any]:
    hide = name in PERSONAL and not unmask
    return {
        key: mask(key, value) if hide and isinstance(value, str) else _shown(key, value, unmask=unmask)
        for key, value in values.items()
    }
