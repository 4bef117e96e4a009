"""Phone numbers: E.164, and the short way says exactly what the library says."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.dedup.phones import north_american, phone, whole_areas
from agents.dedup.text import Wrong

us = phone("US")


def by_library(value: str) -> str | None:
    """Return what `phonenumbers` makes of a number written in the US: E.164, or None."""
    try:
        number = phonenumbers.parse(value, "US")
    except phonenumbers.NumberParseException:
        return None
    if number.country_code != 1 or not phonenumbers.is_valid_number(number):
        return None
    number.extension = None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def ours(value: str) -> str | None:
    """Return what we make of it."""
    try:
        return us(value)
    except Wrong:
        return None


FORMS = (
    "{}{}{}",
    "({}) {}-{}",
    "({}){}-{}",
    "{}-{}-{}",
    "{}.{}.{}",
    "{} {} {}",
    "1{}{}{}",
    "1-{}-{}-{}",
    "+1{}{}{}",
    "+1 ({}) {}-{}",
    "+1.{}.{}.{}",
    "1 ({}) {} {}",
)
digits = st.text("0123456789", min_size=3, max_size=3)
likely = st.integers(200, 999).map(str)


@settings(max_examples=300)
@given(st.sampled_from(FORMS), likely | digits, likely | digits, st.integers(0, 9999).map("{:04}".format))
def test_the_short_way_gives_the_verdict_of_the_library(form: str, area: str, exchange: str, line: str) -> None:
    value = form.format(area, exchange, line)
    assert ours(value) == by_library(value)


odd = st.text("0123456789+-(). x", min_size=3, max_size=3)


@given(odd, odd, st.text("0123456789+-(). x", min_size=4, max_size=4))
def test_what_only_looks_like_the_usual_form_gives_the_verdict_of_the_library(area: str, two: str, four: str) -> None:
    value = f"({area}) {two}-{four}".strip()
    assert ours(value) == by_library(value)


@given(st.text("0123456789+-(). x", max_size=24))
def test_any_other_form_gives_the_verdict_of_the_library(value: str) -> None:
    assert ours(value.strip()) == by_library(value.strip())


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    [
        ("504-621-8927", "+15046218927"),
        ("(415) 555-0143", "+14155550143"),
        ("+1 787 764 2222", "+17877642222"),
        ("1-800-356-9377", "+18003569377"),
        ("415-621-8927 ext. 12", "+14156218927"),
    ],
)
def test_numbers_of_the_plan_become_e164(given_text: str, canonical: str) -> None:
    assert us(given_text) == canonical


@pytest.mark.parametrize("not_one", ["555-0143", "000-000-0000", "+44 20 7946 0018", "123-456-7890", "no digits", "+"])
def test_what_is_no_number_of_the_plan_is_refused(not_one: str) -> None:
    with pytest.raises(Wrong) as wrong:
        us(not_one)
    assert not_one not in wrong.value.detail


def test_other_regions_are_read_by_the_library() -> None:
    assert phone("GB")("020 7946 0018") == "+442079460018"
    assert phone("DE")("030 123456") == "+4930123456"
    with pytest.raises(Wrong):
        phone("GB")("+1 415 555 0143")


def test_a_region_nobody_knows_is_refused_when_the_plan_is_compiled() -> None:
    with pytest.raises(ValueError, match="ZZ"):
        phone("ZZ")


def test_an_area_that_needs_but_one_look_is_valid_by_the_patterns_with_every_exchange() -> None:
    valid = north_american().fullmatch
    assert len(whole_areas()) > 300
    assert {"212", "415", "800", "900"} <= whole_areas()
    assert not {"246", "911", "983"} & whole_areas()  # valid in part, or not at all
    for area in whole_areas():
        assert all(valid(f"{area}{exchange}0000") for exchange in range(200, 1000, 7))
