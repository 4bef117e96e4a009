"""Made-up people are plausible, unique, the same each time, and nobody."""

from __future__ import annotations

from itertools import islice

import phonenumbers
import pytest

from console.demo.people import MAIL_DOMAINS, People, Person
from console.demo.places import PLACES


def crowd(count: int, seed: int = 7) -> list[Person]:
    people = People(seed)
    return [people.next() for _ in range(count)]


def test_the_same_seed_makes_the_same_people() -> None:
    assert crowd(50) == crowd(50)
    assert crowd(50) != crowd(50, seed=8)


def test_no_two_share_an_address_or_a_number() -> None:
    people = crowd(5_000)
    assert len({person.email for person in people}) == 5_000
    assert len({person.phone for person in people}) == 5_000


def test_state_zip_and_area_code_belong_together() -> None:
    for person in crowd(500):
        assert any(
            place.city == person.city
            and place.state == person.state
            and place.zip_from <= int(person.postal_code) <= place.zip_to
            and person.phone[:3] in place.area_codes
            for place in PLACES
        )


def test_every_number_is_valid_and_fictional() -> None:
    for place in PLACES:
        for code in place.area_codes:
            number = phonenumbers.parse(f"{code}5550100", "US")
            assert phonenumbers.is_valid_number(number), code
    for person in islice(crowd(500), 500):
        assert person.phone[3:6] == "555"
        assert person.email.split("@")[1] in MAIL_DOMAINS


def test_people_of_some_states_live_there() -> None:
    people = People(1)
    assert {people.next(frozenset({"AK", "HI"})).state for _ in range(40)} == {"AK", "HI"}
    with pytest.raises(ValueError, match="no place"):
        people.next(frozenset({"ZZ"}))


def test_used_up_numbers_are_said() -> None:
    people = People(1)
    only = frozenset({"WY"})
    for _ in range(9_000):
        people.next(only)
    with pytest.raises(ValueError, match="used up"):
        people.next(only)


def test_a_person_is_not_shown_by_repr() -> None:
    person = crowd(1)[0]
    assert person.email not in repr(person)
