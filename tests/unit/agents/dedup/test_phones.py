"""Phone numbers: E.164, and the short way says exactly what the library says."""

from __future__ import annotations

import random

import phonenumbers
import pytest

from agents.dedup.phones import north_american, phone, whole_areas
from agents.dedup.text import Wrong
from tests.support.chance import draws

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
SIGNS = "0123456789+-(). x"


#: Areas and exchanges that are no number's, or only some numbers', beside some that are.
KNOWN = ("000", "123", "200", "211", "212", "246", "415", "555", "800", "900", "911", "983", "999")


def three(draw: random.Random) -> str:
    """Return three digits, more often than not such as an area or an exchange may have."""
    return draw.choice((f"{draw.randint(0, 999):03}", str(draw.randint(200, 999)), draw.choice(KNOWN)))


def signs(draw: random.Random, length: int) -> str:
    return "".join(draw.choices(SIGNS, k=length))


@pytest.mark.parametrize("form", FORMS)
def test_the_short_way_gives_the_verdict_of_the_library(form: str) -> None:
    for _, draw in draws(40):
        value = form.format(three(draw), three(draw), f"{draw.randint(0, 9999):04}")
        assert ours(value) == by_library(value), value


def test_what_only_looks_like_the_usual_form_gives_the_verdict_of_the_library() -> None:
    for _, draw in draws(150):
        parts = [draw.choice((three(draw), signs(draw, 3))) for _ in range(2)]
        value = f"({parts[0]}) {parts[1]}-{signs(draw, 4)}".strip()
        assert ours(value) == by_library(value), value


def test_any_other_form_gives_the_verdict_of_the_library() -> None:
    for _, draw in draws(150):
        value = signs(draw, draw.randint(0, 24)).strip()
        assert ours(value) == by_library(value), value


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
