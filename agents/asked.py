"""What conditions may ask of a lead: mostly what rides in its slip, else the lead itself.

A slip has the fields that the plan of its intake reads. A later plan that scores or routes the lead may read others,
and a field that is merely not in the slip must not pass for one that the lead does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from schemas.records import Lead, Slip

#: Typed columns of the lead; every other field is in its map.
LEAD_COLUMNS: Final = tuple(name for name in Lead.__struct_fields__ if name != "fields")


def asked_of(slip: Slip, body: bytes, lead_of: Callable[[bytes], Lead], plan_version: int) -> Mapping[str, str]:
    """Return the canonical values by field name that a plan of this version may ask for.

    Raises what `lead_of` raises: Undecodable for a body that is no lead; only a later plan than that of intake asks it.
    """
    if plan_version > slip.plan_version:
        return values_of(lead_of(body))
    return {**slip.attributes, **slip.private} if slip.private else slip.attributes


def values_of(lead: Lead) -> dict[str, str]:
    """Return the canonical values of a lead that was valid once, as `Validator.check` gave them."""
    values = dict(lead.fields)
    for name in LEAD_COLUMNS:
        value: str | None = getattr(lead, name)
        if value is not None:
            values[name] = value
    return values
