"""Computed identities are version 5 UUIDs, as RFC 9562 and Python's own `uuid5` have them."""

from __future__ import annotations

from uuid import UUID, uuid5

from schemas.identity import NAMESPACE, lead_id, right_id, sale_id
from tests.support.chance import any_text, draws


def test_a_lead_id_is_the_uuid5_of_its_four_facts() -> None:
    for seed, draw in draws(100):
        given_id, test = any_text(draw, 60), draw.random() < 0.5
        name = "\x1f".join(("acme", "solar-us", "test" if test else "live", given_id))
        assert lead_id("acme", "solar-us", given_id, test=test) == str(uuid5(NAMESPACE, name)), f"seed {seed}"


def test_a_sale_id_is_the_uuid5_of_right_and_buyer() -> None:
    right = right_id("l", 1, 0, 2)
    for seed, draw in draws(100):
        buyer = any_text(draw, 60)
        assert sale_id(right, buyer) == str(uuid5(NAMESPACE, f"l/1/0/2/{buyer}")), f"seed {seed}"
        assert UUID(sale_id(right, buyer)).version == 5
