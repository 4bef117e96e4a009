"""A place in the plan that is being checked: what stands there, the way to it, and where problems are told.

A reader that finds a problem tells it and returns a harmless stand-in, so that the walk goes on and finds the
others; a plan with any problem is thrown away as a whole, stand-ins and all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

from config.plan.keys import Keys
from config.plan.problems import Place, Problem
from config.plan.reading import Entries, Node, Sequence, Text

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Context:
    """What readers must know beside the text: the plan's currency, and the limits set outside of the plan."""

    currency: str
    retention_days: int
    memory_days: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """A node of the plan's files with the way to it; `place` is where a problem is shown (its key's line)."""

    node: Node
    place: Place
    path: str
    context: Context
    problems: list[Problem]

    def problem(self, what: str, fix: str = "") -> None:
        """Tell that this is wrong: `what` it is, and what would be right."""
        self.problems.append(Problem(self.place.file, self.place.line, self.path, what, fix))

    def is_list(self) -> bool:
        """Say whether a list stands here."""
        return isinstance(self.node, Sequence)

    def is_mapping(self) -> bool:
        """Say whether keys stand here."""
        return isinstance(self.node, Entries)

    def text(self, wanted: str) -> str:
        """Return the text that stands here, "" after telling that there is none; `wanted` says what belongs here."""
        if not isinstance(self.node, Text):
            found = "a list" if isinstance(self.node, Sequence) else "a mapping"
            self.problem(f"{found} stands here", f"give {wanted}")
            return ""
        if not self.node.value.strip():
            self.problem("has no value", f"give {wanted}")
            return ""
        if any(ord(char) < 32 or ord(char) == 127 for char in self.node.value):
            self.problem("has control characters or line breaks in it", f"give {wanted}")
            return ""
        return self.node.value

    def word(self) -> str:
        """Return the text if one stands here, else "": for asking `is it the word ...?` without telling anything."""
        return self.node.value if isinstance(self.node, Text) else ""

    def items(self, wanted: str) -> list[Cursor]:
        """Return what a list holds; tells if there is no list, or an empty one."""
        if not isinstance(self.node, Sequence):
            self.problem("is not a list", f"give {wanted}")
            return []
        if not self.node.items:
            self.problem("the list is empty", f"give {wanted}")
        return [
            Cursor(item, item.place, f"{self.path}[{at}]", self.context, self.problems)
            for at, item in enumerate(self.node.items)
        ]

    def entries(self, wanted: str) -> list[tuple[str, Cursor]]:
        """Return the keys, freely chosen by people, with what stands under each; tells if these are no keys."""
        if not isinstance(self.node, Entries):
            self.problem("is not a mapping of keys", f"give {wanted}")
            return []
        return [(key, self._under(key, place, node)) for key, (place, node) in self.node.items.items()]

    def section(self, wanted: str, keys: Keys) -> Section:
        """Return what stands here as a section with known keys; tells unknown ones and those not built yet."""
        known = [*keys.required, *keys.optional]
        found: dict[str, Cursor] = {}
        for key, cursor in self.entries(wanted):
            if key in known:
                found[key] = cursor
            elif key in keys.later:
                cursor.problem(f"`{key}` is not built yet", keys.later[key] or "leave it out")
            else:
                cursor.problem(f"`{key}` is not a key here", _split_number(key, cursor) or near_miss(key, known))
        missing = [key for key in keys.required if key not in found] if self.is_mapping() else []
        return Section(found, self, frozenset(missing))

    def _under(self, key: str, place: Place, node: Node) -> Cursor:
        return Cursor(node, place, f"{self.path}.{key}" if self.path else key, self.context, self.problems)


@dataclass(frozen=True, slots=True)
class Section:
    """The known keys of a section that were given."""

    found: dict[str, Cursor]
    at: Cursor
    missing: frozenset[str]

    def get(self, key: str) -> Cursor | None:
        """Return what stands under an optional key."""
        return self.found.get(key)

    def read(self, key: str, reader: Callable[[Cursor], T], stand_in: S, fix: str = "") -> T | S:
        """Read what stands under a key; when it is required and missing, tell so with `fix`."""
        cursor = self.found.get(key)
        if cursor is not None:
            return reader(cursor)
        if key in self.missing:
            self.at.problem(f"`{key}` is missing", fix)
        return stand_in


def _split_number(key: str, cursor: Cursor) -> str:
    """Return a hint when YAML took the end of a number for a key: `{day: 1,000}` is day 1 and the key 000."""
    split = isinstance(cursor.node, Text) and cursor.node.empty and key.replace(".", "").isdigit()
    return "a comma inside {} ends a value: write 1000, not 1,000" if split else ""


def near_miss(word: str, known: Iterable[str]) -> str:
    """Return a hint for a word that is not known: the one that was surely meant, or all there are."""
    known = list(known)
    close = get_close_matches(word, known, n=1, cutoff=0.7)
    if close:
        return f"did you mean `{close[0]}`?"
    if len(known) > 20:
        return ""
    return f"known: {', '.join(known)}" if known else ""
