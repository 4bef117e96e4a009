"""The plan as JSON: what travels, is hashed, and is read again without YAML."""

from __future__ import annotations

import json
import time

import msgspec
import pytest

from config.plan import Plan, check_sources, from_json, load_plan, plan_hash, succeed, to_json
from config.plan.canonical import JSON_BYTES_MAX
from config.plan.model import Buyer, Contract
from tests.unit.plan.samples import REFERENCE, SAMPLES, plan


def _many(contracts: int) -> Plan:
    """Return the reference plan with this many buyers like sunco."""
    before = plan()
    sunco = before.buyers[0]
    return msgspec.structs.replace(before, buyers=tuple(_like(sunco, n) for n in range(contracts)))


def _like(buyer: Buyer, number: int) -> Buyer:
    contract: Contract = msgspec.structs.replace(buyer.contracts[0], id=f"contract-{number}")
    return msgspec.structs.replace(buyer, id=f"buyer-{number}", contracts=(contract,))


@pytest.mark.parametrize("sample", ["reference.yaml", "us500.yaml", "demo.yaml"])
def test_plan_comes_back_from_its_json(sample: str) -> None:
    before = load_plan(SAMPLES / sample)
    assert from_json(to_json(before)) == before
    assert to_json(from_json(to_json(before))) == to_json(before)


def test_json_does_not_depend_on_how_the_yaml_is_written() -> None:
    flow = REFERENCE.replace("caps: {leads: {day: 40}}", "caps:\n          leads:\n            day: 40")
    assert to_json(check_sources({"other.yaml": "# moved\n\n" + flow})) == to_json(plan())


def test_retired_ids_travel_but_are_not_part_of_what_the_plan_says() -> None:
    before = plan()
    after = succeed(before, msgspec.structs.replace(before, buyers=before.buyers[:-1]))
    assert from_json(to_json(after)).retired == after.retired != before.retired
    assert plan_hash(after) == plan_hash(msgspec.structs.replace(before, buyers=before.buyers[:-1]))
    assert plan_hash(after) != plan_hash(before)


def test_hash_of_the_reference_plan_is_the_same_in_every_release() -> None:
    assert plan_hash(plan()) == "6a082777baad2909782d828ec6a68e3d75a39959ffaa58e89ff220f1b15afab5"


def test_values_that_a_later_release_adds_are_left_out() -> None:
    content = json.loads(to_json(plan()))
    content["pacing"] = "even"
    content["buyers"][0]["wallet"] = {"limit": 5}
    content["buyers"][0]["caps"][0].append("soft")
    assert from_json(json.dumps(content)) == plan()


def test_text_that_is_no_plan_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        from_json('{"currency": "USD"}')


def test_five_thousand_contracts_fit_in_a_record_and_load_in_a_moment() -> None:
    text = to_json(_many(5_000))
    assert len(text) < JSON_BYTES_MAX
    begun = time.process_time()
    loaded = from_json(text)
    assert time.process_time() - begun < 2.0
    assert len(loaded.buyers) == 5_000
