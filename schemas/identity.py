"""Who is who: computed identities of leads, rights and sales (protocol, rule 1); never random, so a replay agrees."""

from __future__ import annotations

from hashlib import sha1 as _openssl_sha1
from uuid import UUID

try:  # CPython's own: for texts as short as ours two thirds of the cost of OpenSSL's
    from _sha1 import sha1  # type: ignore[import-not-found,unused-ignore]  # not in every stub
except ImportError:
    sha1 = _openssl_sha1

#: Root of all computed ids. Changing it would make every lead a new one: never change it.
NAMESPACE = UUID("6ba7c0de-1eaf-5000-8000-1eadf10a0001")

#: Stands between the parts of a name; a control character, so that no two different lists of parts join alike.
_BETWEEN = "\x1f"

#: SHA-1 that has taken the namespace in, and the two bits of RFC 9562's variant over each hex digit.
_ROOT = sha1(NAMESPACE.bytes, usedforsecurity=False)
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def lead_id(supplier_id: str, campaign_id: str, supplier_lead_id: str, *, test: bool) -> str:
    """Return the identity of a lead: the same four facts always give the same id (design, section 5)."""
    return _uuid5(_BETWEEN.join((supplier_id, campaign_id, "test" if test else "live", supplier_lead_id)))


def right_id(lead: str, leg: int, round_: int, index: int) -> str:
    """Return the identity of a sale right; a resale keeps `index` and raises `round_`."""
    return f"{lead}/{leg}/{round_}/{index}"


def sale_id(right: str, buyer_id: str) -> str:
    """Return the identity of the sale of a right to a buyer."""
    return _uuid5(f"{right}/{buyer_id}")


def _uuid5(name: str) -> str:
    """Return `str(uuid.uuid5(NAMESPACE, name))` at a third of its cost; every lead pays it at least twice."""
    state = _ROOT.copy()
    state.update(name.encode())
    digits = state.hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:32]}"
