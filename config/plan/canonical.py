"""The canonical JSON of a checked plan: what travels in `PlanVersion.plan_json`, independent of YAML."""

from __future__ import annotations

import hashlib

import msgspec

from config.plan.model import Plan, Retired

#: Bytes of the JSON; with the sources it travels in one record of at most 8 MiB.
JSON_BYTES_MAX = 4 * 1024 * 1024

_decoder = msgspec.json.Decoder(Plan)


def to_json(plan: Plan) -> str:
    """Write a plan as JSON; equal plans give equal text, defaults are left out."""
    return msgspec.json.encode(plan).decode()


def from_json(text: str | bytes) -> Plan:
    """Read a plan that `to_json` wrote, by this release or an earlier one.

    Raises:
        msgspec.ValidationError: it is not a plan's JSON; nothing but a foreign writer makes such a record.
    """
    return _decoder.decode(text)


def plan_hash(plan: Plan) -> str:
    """Return the hash of what the plan says; retired ids, which only its history knows, are left out."""
    content = msgspec.json.encode(msgspec.structs.replace(plan, retired=Retired()))
    return hashlib.sha256(content).hexdigest()
