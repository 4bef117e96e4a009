"""Records that strangers may write to `leads.received`, drawn from a seed: bytes of every wrong kind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from console.bench import w1
from schemas.codec import Codec, frame_of
from schemas.records import LeadReceived, LeadSold
from schemas.topics import RECEIVED_BYTES_MAX

#: Ids that no schema has, the largest of four bytes among them.
UNKNOWN_IDS = (0, 999_999, 2**31 - 1, 2**32 - 1)
HEADER_BYTES = 40_000


class Hostile(NamedTuple):
    """One record; `kind` is for people."""

    kind: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def hostile_records(codec: Codec, now_ms: int, seed: int) -> Iterator[Hostile]:
    """Yield one record of each kind. Each of them must end refused or set aside, none may be sold."""
    draw = random.Random(seed)
    good = codec.encode(next(w1.leads(1, now_ms, seed=seed)))
    kinds: list[tuple[str, bytes | None]] = [
        ("nothing", None),
        ("empty", b""),
        ("random bytes", draw.randbytes(draw.randrange(1, 400))),
        ("framed random bytes", good[:5] + draw.randbytes(draw.randrange(1, 400))),
        ("cut short", good[: draw.randrange(1, len(good))]),
        ("wrong magic", bytes([draw.randrange(1, 256)]) + good[1:]),
        ("unknown schema", frame_of(draw.choice(UNKNOWN_IDS)) + good[5:]),
        ("another record", frame_of(codec.ids[LeadSold.__name__]) + good[5:]),
        ("not framed", b'{"email": "someone@example.com"}'),
        ("bytes behind its end", good + draw.randbytes(9)),
        ("endless string", good[:5] + b"\xfe\xff\xff\xff\x0f" + b"x" * 64),
        ("negative length", good[:5] + b"\x01" + b"x" * 64),
        ("not UTF-8", good[:5] + b"\x08\xff\xfe\xfd\xfc" + good[10:]),
        ("too large", good[:5] + b"x" * (RECEIVED_BYTES_MAX + 1)),
        ("huge headers", draw.randbytes(20)),
    ]
    for kind, value in kinds:
        headers = (("trace", bytes(HEADER_BYTES)), ("trace", b"2")) if kind == "huge headers" else ()
        yield Hostile(kind, draw.randbytes(6), value, headers)


def poison(codec: Codec, lead: LeadReceived, supplier_lead_id: str) -> bytes:
    """Return a lead that is valid but for what its id does to a fragile worker."""
    fields = {name: getattr(lead, name) for name in lead.__struct_fields__}
    return codec.encode(LeadReceived(**{**fields, "supplier_lead_id": supplier_lead_id}))
