"""Computed identities are version 5 UUIDs, as RFC 9562 and Python's own `uuid5` have them."""

from __future__ import annotations

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import NAMESPACE, lead_id, right_id, sale_id


@given(st.text(st.characters(exclude_categories=["Cs"])), st.booleans())
def test_a_lead_id_is_the_uuid5_of_its_four_facts(given_id: str, test: bool) -> None:
    name = "\x1f".join(("acme", "solar-us", "test" if test else "live", given_id))
    assert lead_id("acme", "solar-us", given_id, test=test) == str(uuid5(NAMESPACE, name))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_a_sale_id_is_the_uuid5_of_right_and_buyer(buyer: str) -> None:
    right = right_id("l", 1, 0, 2)
    assert sale_id(right, buyer) == str(uuid5(NAMESPACE, f"l/1/0/2/{buyer}"))
    assert UUID(sale_id(right, buyer)).version == 5
