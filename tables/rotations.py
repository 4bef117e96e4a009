"""The credits of weighted round robin, in leads, one for each contract and router partition."""

from __future__ import annotations

from hashlib import blake2b


def start_credit(partition: int, campaign_id: str, contract_id: str) -> float:
    """Return the credit a contract starts with in a partition: between -0.5 and 0.5, spread by a hash.

    Without the spread every partition would favour the same contracts while it is cold.
    """
    digest = blake2b(f"{partition}/{campaign_id}/{contract_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 - 0.5
