"""For one field: which rows of conditions a value does not rule out, by classes of values.

A row is a conjunction of literals, a literal a test or its negation, and rows are bits of an integer. All values of
a class are alike to every row: the values that some row names and the rest, or the intervals between bounds, or the
longest of the prefixes that are named.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from config.memo import Memo
from config.plan.conditions import FieldTest, Key, key_of, key_test

Literal = tuple[FieldTest, bool]
#: The literals that each row (by its number) has on one field.
Demands = dict[int, list[Literal]]
#: From a value (None if absent) to its class, each found but once.
ClassOf = Memo[str | None, Key | None]


class FieldIndex(Protocol):
    """Maps the values of a field to classes, and classes to the rows that they do not rule out."""

    def classes(self, kind: str) -> ClassOf:
        """Return the classes of values, for values that compare as `kind`."""

    def mask(self, of_class: Key | None) -> int:
        """Return the rows that a value of this class does not rule out, as bits."""


#: Values whose class is remembered for each field. Full: begun anew.
TEXTS_MAX = 4_096
#: Makes an index from the demands of rows and the bits of all rows.
IndexType = Callable[[Demands, int], FieldIndex]


def index_of(test: FieldTest) -> IndexType:
    """Return what makes the index that a test belongs to: by beginnings, by order, or by equal values."""
    if test.op == "starts_with":
        return PrefixIndex
    return OrderIndex if test.kind in {"number", "date"} else EqualIndex


def _passing(literals: Iterable[Literal]) -> Callable[[Key | None], bool]:
    """Return what says whether a key passes all literals; made once, as a test may name thousands of values."""
    tests = [(key_test(test), expected) for test, expected in literals]
    return lambda key: all(test(key) is expected for test, expected in tests)


class EqualIndex:
    """Values that are named by some row, one class each; any other value; no value."""

    _OTHER = ""  # no key is empty

    def __init__(self, demands: Demands, everyone: int) -> None:
        self._other = self._absent = everyone
        flips: dict[Key, int] = defaultdict(int)
        for number, literals in demands.items():
            bit, passes = 1 << number, _passing(literals)
            # A key that no test names stands for every other value: keys are never empty.
            other = passes("\x00")
            if not other:
                self._other ^= bit
            if not passes(None):
                self._absent ^= bit
            for key in _named(literals):
                if passes(key) is not other:
                    flips[key] ^= bit
        self._masks = {key: self._other ^ flip for key, flip in flips.items()}

    def classes(self, kind: str) -> ClassOf:
        """Return the key if some row names it, else the class of all others, or of no value."""
        named, other = self._masks, self._OTHER

        def classify(value: str | None) -> Key | None:
            key = key_of(kind, value)
            return key if key is None or key in named else other

        return Memo(classify, TEXTS_MAX)

    def mask(self, of_class: Key | None) -> int:
        """Return the rows that a value of this class does not rule out, as bits."""
        if of_class is None:
            return self._absent
        return self._masks.get(of_class, self._other)


class OrderIndex:
    """Values with an order: each bound is a class (2i + 1), and so is each interval between them (2i); -1 absent."""

    def __init__(self, demands: Demands, everyone: int) -> None:
        points = {key for literals in demands.values() for key in _named(literals)}
        self._points: list[Key] = sorted(points)
        self._absent = everyone
        flips = [0] * (2 * len(self._points) + 1)
        for number, literals in demands.items():
            if not _passing(literals)(None):
                self._absent ^= 1 << number
            self._flip(flips, literals, 1 << number)
        self._masks: list[int] = []
        mask = everyone
        for flip in flips:
            mask ^= flip
            self._masks.append(mask)

    def _flip(self, flips: list[int], literals: list[Literal], bit: int) -> None:
        """Note at which classes the row changes; between its own bounds it cannot."""
        own = sorted(bisect_left(self._points, key) for key in _named(literals))
        candidates = [0] + [cls for at in own for cls in (2 * at, 2 * at + 1, 2 * at + 2)]
        tests = [(self._test_of(test), expected) for test, expected in literals]
        holding = True
        for cls in candidates:
            if all(test(cls) is expected for test, expected in tests) is not holding:
                holding = not holding
                flips[cls] ^= bit

    def _test_of(self, test: FieldTest) -> Callable[[int], bool]:
        """Return the test as a function of a class of values."""
        if test.op == "present":
            wanted = test.values == ("true",)
            return lambda _: wanted
        bounds = frozenset(2 * bisect_left(self._points, key) + 1 for key in _keys(test))
        if test.op == "one_of":
            return lambda cls: cls in bounds
        (bound,) = bounds
        match test.op:
            case "at_least":
                return lambda cls: cls >= bound
            case "at_most":
                return lambda cls: cls <= bound
            case "more_than":
                return lambda cls: cls > bound
            case _:
                return lambda cls: cls < bound

    def classes(self, kind: str) -> ClassOf:
        """Return the number of the bound or interval, -1 for no value."""
        return Memo(lambda value: self._class_of(key_of(kind, value)), TEXTS_MAX)

    def _class_of(self, key: Key | None) -> int:
        if key is None:
            return -1
        at = bisect_left(self._points, key)
        return 2 * at + 1 if at < len(self._points) and self._points[at] == key else 2 * at

    def mask(self, of_class: Key | None) -> int:
        """Return the rows that a value of this class does not rule out, as bits."""
        return self._absent if of_class == -1 else self._masks[of_class]  # type: ignore[index]  # classes of this index are ints


class PrefixIndex:
    """Values by the longest prefix that some row names: it decides about all shorter ones. "" for none."""

    def __init__(self, demands: Demands, everyone: int) -> None:
        prefixes = sorted({str(key) for literals in demands.values() for key in _named(literals)})
        self._lengths = sorted({len(prefix) for prefix in prefixes}, reverse=True)
        self._none = everyone
        flips = dict.fromkeys(prefixes, 0)
        for number, literals in demands.items():
            bit, passes = 1 << number, _passing(literals)
            without = passes(None)
            if not without:
                self._none ^= bit
            for prefix in _extending(prefixes, {str(key) for key in _named(literals)}):
                if passes(prefix) is not without:
                    flips[prefix] ^= bit
        self._masks = {prefix: self._none ^ flip for prefix, flip in flips.items()}

    def classes(self, kind: str) -> ClassOf:
        """Return the longest prefix of the key that some row names, or ""."""
        named, lengths = self._masks, self._lengths

        def classify(value: str | None) -> Key | None:
            text = str(key_of(kind, value) or "")
            for length in lengths:
                if text[:length] in named:
                    return text[:length]
            return ""

        return Memo(classify, TEXTS_MAX)

    def mask(self, of_class: Key | None) -> int:
        """Return the rows that a value of this class does not rule out, as bits."""
        return self._masks.get(str(of_class), self._none)


def _extending(prefixes: Sequence[str], named: Iterable[str]) -> set[str]:
    """Return those of the sorted prefixes that begin with one of the named ones."""
    found = set()
    for name in named:
        at = bisect_left(prefixes, name)
        while at < len(prefixes) and prefixes[at].startswith(name):
            found.add(prefixes[at])
            at += 1
    return found


def _keys(test: FieldTest) -> list[Key]:
    return [key for text in test.values if (key := key_of(test.kind, text)) is not None]


def _named(literals: Iterable[Literal]) -> set[Key]:
    """Return the keys that the tests name; a test for presence names none."""
    return {key for test, _ in literals if test.op != "present" for key in _keys(test)}
