"""Makes the demo's leads: mostly good ones, and the share of trouble that real suppliers send.

The file looks like what comes out of a form tool: its own column names, telephone numbers written in five ways,
leading zeros of ZIP codes lost.
"""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from console.demo.people import People, Person

#: The columns of the file, in their order.
COLUMNS = (
    "Lead ID",
    "First Name",
    "Last Name",
    "E-mail",
    "Phone",
    "Street",
    "City",
    "State",
    "ZIP",
    "Owns Home",
    "Monthly Bill",
    "TrustedForm",
)
#: States that no buyer of the demo's plan covers.
OUT_OF_AREA = frozenset({"AK", "HI", "ME", "MT", "ND", "WY"})
#: The first leads are all good, so that there is something to repeat.
GOOD_AT_FIRST = 40
_CERTIFICATE = "https://cert.trustedform.com/"


class Kind(StrEnum):
    """What a row of the file was made to be."""

    GOOD = "good"
    REPEAT = "repeat"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    OUT_OF_AREA = "out of area"


#: Leads of each kind among a hundred.
MIX: Mapping[Kind, int] = {
    Kind.GOOD: 82,
    Kind.REPEAT: 3,
    Kind.DUPLICATE: 5,
    Kind.INVALID: 4,
    Kind.OUT_OF_AREA: 6,
}


@dataclass(frozen=True, slots=True, repr=False)
class Lead:
    """One row: what it was made to be, and its values by column."""

    kind: Kind
    row: Mapping[str, str]


def make(count: int, seed: int) -> list[Lead]:
    """Make `count` leads (at least 1), the same ones for the same seed.

    Exactly the share of `MIX` is of each trouble, rounded down. A repeat is an earlier row once more, to the letter;
    a duplicate is an earlier person under a new id, with either the mail address or the telephone number kept.
    No row is repeated or doubled more than once, so each of them has exactly one earlier lead.
    """
    return _Maker(seed).make(_kinds(count, random.Random(seed)))


def _kinds(count: int, draw: random.Random) -> list[Kind]:
    trouble = [kind for kind, share in MIX.items() if kind is not Kind.GOOD for _ in range(count * share // 100)]
    first = min(GOOD_AT_FIRST, count - len(trouble))
    rest = trouble + [Kind.GOOD] * (count - len(trouble) - first)
    draw.shuffle(rest)
    return [Kind.GOOD] * first + rest


def counts(leads: Sequence[Lead]) -> Counter[Kind]:
    """Return how many leads there are of each kind."""
    return Counter(lead.kind for lead in leads)


def write(leads: Sequence[Lead], path: Path) -> None:
    """Write the leads as a CSV file with a header line."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        rows.writerows(lead.row for lead in leads)


class _Maker:
    def __init__(self, seed: int) -> None:
        self._people = People(seed)
        self._draw = random.Random(seed + 1)
        self._number = 0
        self._fresh: list[tuple[Person, Mapping[str, str]]] = []

    def make(self, kinds: Sequence[Kind]) -> list[Lead]:
        return [Lead(kind, self._row(kind)) for kind in kinds]

    def _row(self, kind: Kind) -> Mapping[str, str]:
        if kind is Kind.REPEAT:
            return self._earlier()[1]
        if kind is Kind.DUPLICATE:
            return self._doubled(*self._earlier())
        if kind is Kind.OUT_OF_AREA:
            return self._new(self._people.next(OUT_OF_AREA))
        person = self._in_area()
        row = self._new(person)
        if kind is Kind.INVALID:
            return self._spoiled(row)
        self._fresh.append((person, row))
        return row

    def _in_area(self) -> Person:
        while (person := self._people.next()).state in OUT_OF_AREA:
            pass  # one in thirty: a few tries at most
        return person

    def _earlier(self) -> tuple[Person, Mapping[str, str]]:
        return self._fresh.pop(self._draw.randrange(len(self._fresh)))

    def _new(self, person: Person) -> dict[str, str]:
        self._number += 1
        return {
            "Lead ID": f"F{self._number:05d}",
            "First Name": person.first_name,
            "Last Name": person.last_name,
            "E-mail": person.email,
            "Phone": self._written(person.phone),
            "Street": person.address,
            "City": person.city,
            "State": person.state,
            "ZIP": person.postal_code.lstrip("0"),
            "Owns Home": "yes" if self._draw.random() < 0.7 else "no",
            "Monthly Bill": str(round(self._draw.triangular(40, 480, 130))),
            "TrustedForm": _CERTIFICATE + self._draw.randbytes(20).hex(),
        }

    def _written(self, phone: str) -> str:
        area, exchange, line = phone[:3], phone[3:6], phone[6:]
        form = self._draw.choice(("({a}) {e}-{l}", "{a}-{e}-{l}", "{a}.{e}.{l}", "+1 {a} {e} {l}", "{a}{e}{l}"))
        return form.format(a=area, e=exchange, l=line)

    def _doubled(self, person: Person, row: Mapping[str, str]) -> Mapping[str, str]:
        """The same person again, under a new id, in another hand; what the plan judges stays as it was."""
        other = self._people.next()
        if self._draw.random() < 0.5:
            again = replace(person, email=other.email, first_name=person.first_name.upper())
        else:
            again = replace(person, email=person.email.upper(), phone=other.phone)
        return self._new(again) | {name: row[name] for name in ("Owns Home", "Monthly Bill")}

    def _spoiled(self, row: Mapping[str, str]) -> Mapping[str, str]:
        """One or two faults that every campaign of this kind refuses."""
        faults = {
            "E-mail": ("", "not given", "nobody@", "@example.com"),
            "Phone": ("", "555-0100", "000-000-0000", "call me"),
            "State": ("", "XX", "California Dreaming"),
            "ZIP": ("", "ABCDE", "12"),
            "Monthly Bill": ("a lot", "-20", "99999"),
            "Owns Home": ("", "maybe"),
        }
        names = self._draw.sample(sorted(faults), self._draw.choice((1, 1, 2)))
        return {**row, **{name: self._draw.choice(faults[name]) for name in names}}
