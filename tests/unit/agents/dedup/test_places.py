"""States and postal codes."""

from __future__ import annotations

import pytest

from agents.dedup.places import postal_code, us_state, us_zip, zip_note
from agents.dedup.text import Wrong


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    [("CA", "CA"), ("ca", "CA"), ("California", "CA"), ("new york", "NY"), ("D.C.", "DC"), ("Puerto Rico", "PR")],
)
def test_a_state_is_its_code(given_text: str, canonical: str) -> None:
    assert us_state(given_text) == canonical


@pytest.mark.parametrize("not_one", ["ZZ", "Calif", "Ontario", "C A", "12"])
def test_what_is_no_state_is_refused(not_one: str) -> None:
    with pytest.raises(Wrong):
        us_state(not_one)


@pytest.mark.parametrize(
    ("given_text", "canonical", "note"),
    [
        ("94110", "94110", ""),
        ("8014", "08014", "leading zeros put back"),
        ("501", "00501", "leading zeros put back"),
        ("94110-1234", "94110", "+4 dropped"),
        ("941101234", "94110", "+4 dropped"),
        ("8014-1234", "08014", "leading zeros put back and +4 dropped"),
    ],
)
def test_a_zip_has_five_digits_and_says_how_it_was_mended(given_text: str, canonical: str, note: str) -> None:
    assert us_zip(given_text) == canonical
    assert zip_note(given_text) == note


@pytest.mark.parametrize("not_one", ["", "12", "1234567", "80141234", "9411O", "94110-12", "94110 1234", "٩٤١١٠"])
def test_what_is_no_zip_is_refused(not_one: str) -> None:
    with pytest.raises(Wrong):
        us_zip(not_one)


def test_a_zip_that_lost_its_zeros_finds_them_again() -> None:
    for number in (*range(100, 1_100), *range(9_950, 10_050), 99_999):
        assert us_zip(str(number)) == f"{number:05}"


@pytest.mark.parametrize(
    ("region", "given_text", "canonical"),
    [
        ("US", "94110-1234", "94110-1234"),
        ("US", "94110", "94110"),
        ("CA", "k1a0b1", "K1A 0B1"),
        ("GB", "sw1a1aa", "SW1A 1AA"),
        ("GB", "M1 1AE", "M1 1AE"),
        ("DE", "10115", "10115"),
        ("PL", "00950", "00-950"),
        ("NL", "1012 ab", "1012 AB"),
        ("", "ab-12 3", "AB-12 3"),
    ],
)
def test_postal_codes_by_region(region: str, given_text: str, canonical: str) -> None:
    assert postal_code(region)(given_text) == canonical


@pytest.mark.parametrize(
    ("region", "not_one"), [("US", "9411"), ("CA", "D1A 0B1"), ("DE", "1011"), ("", "*"), ("", "A" * 13)]
)
def test_what_is_no_postal_code_of_the_region_is_refused(region: str, not_one: str) -> None:
    with pytest.raises(Wrong):
        postal_code(region)(not_one)
