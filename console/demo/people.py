"""Makes up Americans: names, addresses and telephone numbers that belong together, and nobody's.

Telephone numbers lie in the exchange 555, first in 555-0100 to 555-0199 that is kept for fiction; mail addresses lie
in the domains kept for examples. The same seed makes the same people, in the same order, on every machine.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import accumulate

from console.demo.places import PLACES, STREETS, Place


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = _names(
    """
    Mary James Patricia Robert Jennifer John Linda Michael Elizabeth David Barbara William Susan Richard Jessica
    Joseph Sarah Thomas Karen Charles Nancy Christopher Lisa Daniel Margaret Matthew Betty Anthony Sandra Mark
    Ashley Donald Kimberly Steven Emily Paul Donna Andrew Michelle Joshua Carol Kenneth Amanda Kevin Melissa
    Brian Deborah George Stephanie Timothy Rebecca Ronald Laura Jason Sharon Edward Cynthia Jeffrey Kathleen
    Ryan Amy Jacob Angela Gary Shirley Nicholas Brenda Eric Emma Jonathan Anna Stephen Pamela Larry Nicole
    Justin Samantha Scott Katherine Brandon Christine Benjamin Helen Samuel Debra Gregory Rachel Alexander
    Carolyn Patrick Janet Frank Maria Raymond Catherine Jack Heather Dennis Diane Jerry Olivia Tyler Julie Aaron
    Joyce Jose Victoria Henry Ruth Adam
    """
)
LAST_NAMES = _names(
    """
    Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson
    Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis
    Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera
    Campbell Mitchell Carter Roberts Gomez Phillips Evans Turner Diaz Parker Cruz Edwards Collins Reyes Stewart
    Morris Morales Murphy Cook Rogers Gutierrez Ortiz Morgan Cooper Peterson Bailey Reed Kelly Howard Ramos Kim
    Cox Ward Richardson Watson Brooks Chavez Wood James Bennett Gray Mendoza Ruiz Hughes Price Alvarez Castillo
    Sanders Patel Myers Long Ross Foster Jimenez O'Brien
    """
)
MAIL_DOMAINS = ("example.com", "example.net", "example.org")
#: Numbers of one area code: 9,000 lines from 555-0100 on.
LINES_AN_AREA_CODE = 9_000
_WEIGHTS = tuple(accumulate(place.people for place in PLACES))


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """Somebody who does not exist; `phone` is ten digits, `postal_code` five."""

    first_name: str
    last_name: str
    email: str
    phone: str
    address: str
    city: str
    state: str
    postal_code: str


class People:
    """An endless crowd, drawn from one seed; no two share a mail address or a telephone number."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._lines: dict[str, int] = {}
        self._count = 0

    def next(self, states: frozenset[str] | None = None) -> Person:
        """Make one more person, living in one of `states` (None: anywhere).

        Raises:
            ValueError: no place lies in these states, or their telephone numbers are used up.
        """
        place = self._place(states)
        first, last = self._draw.choice(FIRST_NAMES), self._draw.choice(LAST_NAMES)
        self._count += 1
        return Person(
            first_name=first,
            last_name=last,
            email=self._email(first, last),
            phone=self._phone(place),
            address=f"{self._draw.randrange(1, 9900)} {self._draw.choice(STREETS)}",
            city=place.city,
            state=place.state,
            postal_code=f"{self._draw.randrange(place.zip_from, place.zip_to + 1):05d}",
        )

    def _place(self, states: frozenset[str] | None) -> Place:
        if states is None:
            return self._draw.choices(PLACES, cum_weights=_WEIGHTS)[0]
        places = [place for place in PLACES if place.state in states]
        if not places:
            raise ValueError(f"no place is known in {', '.join(sorted(states))}")
        return self._draw.choices(places, weights=[place.people for place in places])[0]

    def _email(self, first: str, last: str) -> str:
        """Write the name as people do; the running number keeps it unique."""
        name = self._draw.choice(("{f}.{l}{n}", "{f}{n}.{l}", "{f[0]}{l}{n}"))
        plain = name.format(f=first.lower(), l=last.lower().replace("'", ""), n=self._count)
        return f"{plain}@{self._draw.choice(MAIL_DOMAINS)}"

    def _phone(self, place: Place) -> str:
        code = min(place.area_codes, key=lambda code: self._lines.get(code, 0))
        line = self._lines.get(code, 0)
        if line == LINES_AN_AREA_CODE:
            raise ValueError(f"the telephone numbers of {place.city} are used up; draw fewer people")
        self._lines[code] = line + 1
        return f"{code}555{100 + line:04d}"
