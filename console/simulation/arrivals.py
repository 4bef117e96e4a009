"""What suppliers send: good leads, persons and leads that come again, wrong ones, tests, and bytes of any kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from random import Random
from typing import Any, Final, NamedTuple

from fastavro import parse_schema, schemaless_writer

from console.simulation.plan_drafts import STATES, SUPPLIERS
from schemas.avro_files import self_contained
from schemas.codec import Codec, frame_of
from schemas.records import LeadReceived

#: The id under which an upstream team's older schema is known, as LEADFLOW_SCHEMAS_EXTRA would name it.
OLDER_ID: Final = 77
_AGES_MS: Final = (0, 0, 500, 5_000, 60_000, 600_000)


class Arrival(NamedTuple):
    """A lead that a supplier has at hand, or bytes of another kind.

    `age_ms` is how long ago it was submitted when it is sent (below 0: in the future); `kind` is a word of the tally,
    "" for an ordinary lead.
    """

    kind: str
    lead: LeadReceived | None
    age_ms: int
    raw: bytes | None = None


def draw_arrivals(chance: Random, count: int, campaigns: Sequence[str], town: int) -> list[Arrival]:
    """Draw what is sent, in its order; persons come from a `town` of so many, so that some of them come again."""
    found: list[Arrival] = []
    for number in range(count):
        lot = chance.random()
        if lot < 0.04:
            found.append(Arrival("garbage", None, 0, _garbage(chance)))
        elif lot < 0.10 and (earlier := [one for one in found if one.lead is not None]):
            found.append(Arrival("repeats", chance.choice(earlier[-20:]).lead, 0))
        else:
            kind = "older_schema" if lot > 0.93 else ""
            lead = _draw_lead(chance, number, chance.choice(campaigns), chance.randrange(town))
            found.append(Arrival("tests" if lead.test else kind, lead, chance.choice(_AGES_MS)))
    return found


def value_of(arrival: Arrival, codec: Codec, now_ms: int) -> bytes | None:
    """Return the bytes that are sent now."""
    if arrival.lead is None:
        return arrival.raw
    fields = {name: getattr(arrival.lead, name) for name in arrival.lead.__struct_fields__}
    lead = LeadReceived(**{**fields, "submitted_at": now_ms - arrival.age_ms})
    return _older(lead) if arrival.kind == "older_schema" else codec.encode(lead)


def older_schema() -> dict[str, Any]:
    """Return LeadReceived as an upstream team wrote it before half of its fields came."""
    schema: dict[str, Any] = json.loads(json.dumps(self_contained("LeadReceived")))
    gone = {"user_agent", "ip_address", "landing_page_url", "tcpa_text", "jornaya_leadid", "city", "address"}
    schema["fields"] = [field for field in schema["fields"] if field["name"] not in gone]
    return schema


@cache
def _older_writer() -> tuple[Any, frozenset[str]]:
    schema = older_schema()
    return parse_schema(schema), frozenset(field["name"] for field in schema["fields"])


def _older(lead: LeadReceived) -> bytes:
    schema, names = _older_writer()
    out = BytesIO()
    schemaless_writer(out, schema, {name: getattr(lead, name) for name in names})
    return frame_of(OLDER_ID) + out.getvalue()


def _garbage(chance: Random) -> bytes | None:
    return chance.choice((None, b"", b"\x00\x00\x00\x00\x63???", b"{}", chance.randbytes(40), frame_of(OLDER_ID)))


def _draw_lead(chance: Random, number: int, campaign: str, person: int) -> LeadReceived:
    lot = chance.random()
    bill = str(chance.randint(20, 600))
    email = f"person{person}@example.org"
    values: dict[str, Any] = {
        "email": email.upper() if chance.random() < 0.2 else email,
        "phone": chance.choice((f"+1213555{person:04d}", f"(213) 555-{person:04d}")),
        "state": chance.choice(STATES),
        "fields": {"owns_home": chance.choice(("true", "true", "yes", "false")), "monthly_bill": bill},
    }
    if lot < 0.03:
        values["state"] = None
    elif lot < 0.05:
        values["fields"] = {"owns_home": "perhaps", "monthly_bill": "99999"}
    elif lot < 0.07:
        campaign = "no-such-campaign"
    elif lot < 0.15:
        values["phone" if chance.random() < 0.5 else "email"] = None
    supplier = chance.choice(SUPPLIERS) if lot < 0.98 else "stranger"
    return LeadReceived(f"s-{number}", campaign, supplier, 0, test=chance.random() < 0.06, **values)
