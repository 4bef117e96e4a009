"""The compiled plan: what an owner must know, and what the hash of terms depends on."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from config.plan import Plan, compile_plan, succeed
from schemas.records import BuyerTerms
from tests.unit.plan.samples import CALIFORNIAN, compiled, plan, solar

SUNCO = "{state: [AZ, CA, NV], grade: [A, B]}"


def _terms(*changes: tuple[str, str]) -> str:
    return solar(*changes).contracts[0].terms


def test_settings_of_a_buyer_become_its_record_field_for_field() -> None:
    settings = compiled().buyer_terms("sunco", 9)
    record = msgspec.convert(settings, BuyerTerms, from_attributes=True)
    assert msgspec.to_builtins(record, order="sorted")["hours"][0] == {
        "weekday": 0,
        "start_minute": 480,
        "end_minute": 1200,
    }
    assert record.contracts[0].terms == solar().contracts[0].terms
    assert settings.__struct_fields__ == BuyerTerms.__struct_fields__


def test_buyer_that_the_plan_never_knew_is_an_error() -> None:
    with pytest.raises(KeyError, match="nobody"):
        compiled().buyer_terms("nobody", 0)


def test_retired_contract_stays_known_to_its_owner() -> None:
    text = (
        "contracts:\n      sunco-solar:\n",
        "contracts:\n      sunco-new:\n",
    )
    after = compile_plan(succeed(plan(), plan(text)), 2)
    now, gone = after.buyer_terms("sunco", 0).contracts
    assert (now.contract_id, now.retired) == ("sunco-new", False)
    assert (gone.contract_id, gone.campaign_id, gone.retired, gone.caps) == ("sunco-solar", "solar-us", True, ())


def test_retired_buyer_keeps_its_zone_and_is_closed() -> None:
    after = compile_plan(succeed(plan(), _without_homebase()), 2)
    assert "homebase" not in after.buyer_ids
    settings = after.buyer_terms("homebase", 3)
    assert (settings.retired, settings.always_open, settings.hours) == (True, False, ())
    assert (settings.time_zone, settings.plan_version) == ("America/Chicago", 2)
    assert [(contract.contract_id, contract.retired) for contract in settings.contracts] == [("homebase-solar", True)]


def _without_homebase() -> Plan:
    before = plan()
    return msgspec.structs.replace(before, buyers=before.buyers[:-1])


@pytest.mark.parametrize(
    "change",
    [
        ("weight: 3", "weight: 5"),
        ("weight: 3", "priority: 4"),
        ("caps: {leads: {day: 40}}", "caps: unlimited"),
        ("caps: {leads: {day: 50, month: 900}}", "caps: unlimited"),
        ("price: 38.00", "price: 39.00"),
        ("payout: 14.00", "payout: 15.00"),
        ("add: 40", "add: 41"),
        ("America/Los_Angeles", "America/Denver"),
        (SUNCO, "{grade: [B, A], state: [NV, CA, AZ]}"),
    ],
)
def test_terms_stay_the_same_when_other_parts_change(change: tuple[str, str]) -> None:
    assert _terms(change) == _terms()


@pytest.mark.parametrize(
    "change",
    [
        (SUNCO, "{state: [AZ, CA], grade: [A, B]}"),
        (SUNCO, "everything"),
        ("is: 55.00", "is: 56.00"),
        ("[{when: {grade: A}, is: 55.00}, {is: 42.00}]", "42.00"),
        ("[{when: {grade: A}, is: 55.00}", "[{when: {grade: B}, is: 55.00}"),
        ("currency: USD", "currency: EUR"),
    ],
)
def test_terms_change_with_price_and_filters(change: tuple[str, str]) -> None:
    assert _terms(change) != _terms()


def test_terms_are_the_same_in_every_process() -> None:
    code = "from tests.unit.plan.samples import solar; print(solar().contracts[0].terms)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == _terms() == "8d6865e3ea3ce1e5"


@pytest.mark.parametrize(
    "change",
    [
        (SUNCO, "{last_name: Smith}"),
        ("{when: {grade: A}, is: 55.00}", "{when: {last_name: Smith}, is: 55.00}"),
        ("when: {owns_home: true}", "when: {last_name: Smith}"),
    ],
)
def test_a_personal_field_that_any_condition_reads_is_told_to_intake(change: tuple[str, str]) -> None:
    before, after = solar(), solar(change)
    assert "last_name" not in before.private_fields
    assert after.private_fields == before.private_fields | {"last_name"}


def test_the_words_of_a_price_that_asks_for_thousands_of_values_stay_short() -> None:
    """They ride in each candidate of a route: 50 of 5,000 ZIP codes would be more than a record may hold."""
    zips = ", ".join(f"{number:05}" for number in range(90_000, 95_000))
    contract = solar(("{when: {grade: A}, is: 55.00}", f"{{when: {{postal_code: [{zips}]}}, is: 55.00}}")).contracts[0]
    minor, words = contract.price({"postal_code": "94110"}, "A")
    assert minor == 5500
    assert words.startswith("postal_code is one of 90000, 90001, ")
    assert words.endswith(" ...: 55.00 USD")
    assert len(words) < 250


def test_free_is_a_price_of_nothing() -> None:
    assert solar(("price: 38.00", "price: free")).contracts[1].price(CALIFORNIAN, "A") == (0, "0.00 USD")


def test_repr_says_which_version_it_is() -> None:
    version = compiled()
    assert repr(version) == f"CompiledPlan(version 1, {version.hash[:12]})"
    assert repr(version.campaigns["solar-us"]) == "CompiledCampaign(solar-us)"
