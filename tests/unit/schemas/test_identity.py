"""Identities are computed, the same for ever."""

from __future__ import annotations

from uuid import UUID, uuid5

import pytest

from schemas.identity import NAMESPACE, lead_id, right_id, sale_id
from tests.support.chance import any_text, draws


def test_a_lead_is_the_same_lead_for_ever() -> None:
    """If this fails, every supplier's next repeat would be sold again."""
    assert lead_id("acme-forms", "solar-us", "A-1", test=False) == "d9bae20e-d3c5-506e-80e3-a0646961cd87"
    assert right_id("L", 1, 0, 2) == "L/1/0/2"
    assert sale_id("L/1/0/2", "sunco") == "4e1adb58-30b3-52d1-8287-942ef532705e"


@pytest.mark.parametrize("test", [True, False])
def test_a_lead_id_is_a_uuid5_of_its_four_facts(test: bool) -> None:
    for seed, draw in draws(150):
        supplier, own = any_text(draw, 20), any_text(draw, 200)
        name = "\x1f".join((supplier, "solar-us", "test" if test else "live", own))
        found = lead_id(supplier, "solar-us", own, test=test)
        assert found == str(uuid5(NAMESPACE, name)), f"seed {seed}"
        assert UUID(found).version == 5


def test_a_test_lead_is_another_lead() -> None:
    assert lead_id("s", "c", "1", test=True) != lead_id("s", "c", "1", test=False)
    assert lead_id("s", "c", "1", test=False) != lead_id("s", "d", "1", test=False)
