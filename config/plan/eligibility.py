"""Which contracts accept a lead, answered from indexes instead of by asking each contract.

Every accept condition is brought to rows: a contract accepts when at least one of its rows holds, a row holds when
all its literals (a test, or its negation) hold. Rows are bits of Python integers. For each field an index maps a
value to the integer of the rows that this value does not rule out; the rows that hold are the AND over the fields.
A field's values fall into few classes (the literals that some row names, the intervals between bounds, the rest),
and the answer for a combination of classes is remembered. So the cost hardly grows with the number of contracts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from config.plan.conditions import (
    GRADE,
    AllOf,
    AnyOf,
    Condition,
    FieldTest,
    Key,
    NotOf,
    Predicate,
    Values,
    compile_condition,
    key_of,
    key_test,
)

#: Rows a single contract may have; a condition that needs more is asked by itself (still exact, only slower).
ROWS_MAX: Final = 64
#: Remembered answers: entries, and contracts in all of them together (8 bytes each). Full: begun anew.
ANSWERS_MAX: Final = 4_096
ANSWERED_MAX: Final = 1_000_000

Literal = tuple[FieldTest, bool]
Row = tuple[Literal, ...]
#: The literals that each row (by its number) has on one field.
Demands = dict[int, list[Literal]]


class Index(Protocol):
    """Maps the values of a field to classes, and classes to the rows that they do not rule out."""

    def class_of(self, key: Key | None) -> Key | None:
        """Return the class of a value's key."""

    def mask(self, of_class: Key | None) -> int:
        """Return the rows that a value of this class does not rule out, as bits."""


class Eligibility:
    """The accept conditions of a campaign's contracts, as one index.

    Promise: `select` equals asking each condition by itself; numbers of conditions come back in their order. It
    remembers answers within fixed bounds, and has no other state.
    """

    def __init__(self, conditions: Sequence[Condition]) -> None:
        rows: list[Row] = []
        self._owner: list[int] = []
        self._asked: dict[int, Predicate] = {}
        for number, condition in enumerate(conditions):
            alternatives = rows_of(condition)
            if alternatives is None:
                self._asked[number] = compile_condition(condition)
                alternatives = [()]
            rows += alternatives
            self._owner += [number] * len(alternatives)
        self._all = (1 << len(rows)) - 1
        self._indexes = tuple(_indexes(rows))
        self._answers: dict[tuple[Key | None, ...], tuple[int, ...]] = {}
        self._answered = 0

    def select(self, values: Values, grade: str) -> tuple[int, ...]:
        """Return the numbers of the conditions that hold, ascending."""
        classes = tuple(
            [
                index.class_of(key_of(kind, grade if field == GRADE else values.get(field)))
                for field, kind, index in self._indexes
            ]
        )
        found = self._answers.get(classes)
        if found is None:
            found = self._answer(classes)
        if not self._asked:
            return found
        asked = self._asked
        return tuple(n for n in found if n not in asked or asked[n](values, grade))

    @property
    def remembered(self) -> tuple[int, int]:
        """Return how many answers are remembered, and how many numbers are in them together."""
        return len(self._answers), self._answered

    def _answer(self, classes: tuple[Key | None, ...]) -> tuple[int, ...]:
        rows = self._all
        for (_, _, index), of_class in zip(self._indexes, classes, strict=True):
            rows &= index.mask(of_class)
        owner = self._owner
        found = tuple(dict.fromkeys([owner[row] for row in _bits(rows)]))
        if len(self._answers) >= ANSWERS_MAX or self._answered + len(found) > ANSWERED_MAX:
            self._answers.clear()
            self._answered = 0
        self._answers[classes] = found
        self._answered += len(found)
        return found


def rows_of(condition: Condition, negated: bool = False) -> list[Row] | None:
    """Bring a condition (or its negation) to rows; None when it needs more than ROWS_MAX of them.

    No row at all means that it never holds; an empty row that it always does.
    """
    match condition:
        case FieldTest():
            return [((condition, not negated),)]
        case NotOf(part=part):
            return rows_of(part, not negated)
        case AllOf(parts=parts):
            return _either(parts, negated) if negated else _both(parts, negated)
        case AnyOf(parts=parts):
            return _both(parts, negated) if negated else _either(parts, negated)


def _either(parts: Iterable[Condition], negated: bool) -> list[Row] | None:
    rows: list[Row] = []
    for part in parts:
        more = rows_of(part, negated)
        if more is None or len(rows) + len(more) > ROWS_MAX:
            return None
        rows += more
    return rows


def _both(parts: Iterable[Condition], negated: bool) -> list[Row] | None:
    rows: list[Row] = [()]
    for part in parts:
        more = rows_of(part, negated)
        if more is None or len(rows) * len(more) > ROWS_MAX:
            return None
        rows = [row + other for row in rows for other in more]
    return rows


def _indexes(rows: Sequence[Row]) -> Iterable[tuple[str, str, Index]]:
    """Yield (field, kind, index) for every field, and for each way in which its values are compared."""
    demands: dict[tuple[str, str, type[Index]], Demands] = defaultdict(lambda: defaultdict(list))
    for number, row in enumerate(rows):
        for literal in row:
            test = literal[0]
            demands[test.field, test.kind, _index_type(test)][number].append(literal)
    everyone = (1 << len(rows)) - 1
    for (field, kind, index_type), wanted in demands.items():
        yield field, kind, index_type(wanted, everyone)  # type: ignore[call-arg]


def _index_type(test: FieldTest) -> type[Index]:
    if test.op == "starts_with":
        return PrefixIndex
    return OrderIndex if test.kind in {"number", "date"} else EqualIndex


def _passes(literals: Iterable[Literal], key: Key | None) -> bool:
    return all(key_test(test)(key) is expected for test, expected in literals)


class EqualIndex:
    """Values that are named by some row, one class each; any other value; no value."""

    _ABSENT, _OTHER = None, ""

    def __init__(self, demands: Demands, everyone: int) -> None:
        self._other = self._absent = everyone
        flips: dict[Key, int] = defaultdict(int)
        for number, literals in demands.items():
            bit = 1 << number
            # A key that no test names stands for every other value: keys are never empty.
            other = _passes(literals, "\x00")
            if not other:
                self._other ^= bit
            if not _passes(literals, None):
                self._absent ^= bit
            for key in _named(literals):
                if _passes(literals, key) is not other:
                    flips[key] ^= bit
        self._masks = {key: self._other ^ flip for key, flip in flips.items()}

    def class_of(self, key: Key | None) -> Key | None:
        """Return the key if some row names it, else the class of all others, or of no value."""
        return key if key is None or key in self._masks else self._OTHER

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
            if not _passes(literals, None):
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
        holding = True
        for cls in candidates:
            if self._holds_in(literals, cls) is not holding:
                holding = not holding
                flips[cls] ^= bit

    def _holds_in(self, literals: list[Literal], cls: int) -> bool:
        return all(self._test_in(test, cls) is expected for test, expected in literals)

    def _test_in(self, test: FieldTest, cls: int) -> bool:
        if test.op == "present":
            return test.values == ("true",)
        bounds = [2 * bisect_left(self._points, key) + 1 for key in _keys(test)]
        match test.op:
            case "one_of":
                return cls in bounds
            case "at_least":
                return cls >= bounds[0]
            case "at_most":
                return cls <= bounds[0]
            case "more_than":
                return cls > bounds[0]
            case _:
                return cls < bounds[0]

    def class_of(self, key: Key | None) -> Key | None:
        """Return the number of the bound or interval, -1 for no value."""
        if key is None:
            return -1
        at = bisect_left(self._points, key)
        return 2 * at + 1 if at < len(self._points) and self._points[at] == key else 2 * at

    def mask(self, of_class: Key | None) -> int:
        """Return the rows that a value of this class does not rule out, as bits."""
        return self._absent if of_class == -1 else self._masks[of_class]  # type: ignore[index]


class PrefixIndex:
    """Values by the longest prefix that some row names: it decides about all shorter ones. "" for none."""

    def __init__(self, demands: Demands, everyone: int) -> None:
        prefixes = sorted({str(key) for literals in demands.values() for key in _named(literals)})
        self._lengths = sorted({len(prefix) for prefix in prefixes}, reverse=True)
        self._none = everyone
        flips = dict.fromkeys(prefixes, 0)
        for number, literals in demands.items():
            bit = 1 << number
            without = _passes(literals, None)
            if not without:
                self._none ^= bit
            for prefix in _extending(prefixes, {str(key) for key in _named(literals)}):
                if _passes(literals, prefix) is not without:
                    flips[prefix] ^= bit
        self._masks = {prefix: self._none ^ flip for prefix, flip in flips.items()}

    def class_of(self, key: Key | None) -> Key | None:
        """Return the longest prefix of the key that some row names, or ""."""
        if key is not None:
            text = str(key)
            for length in self._lengths:
                if text[:length] in self._masks:
                    return text[:length]
        return ""

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


#: The bits of each byte, lowest first.
_BITS_OF_BYTE: Final = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))


def _bits(mask: int) -> Iterable[int]:
    """Yield the numbers of the bits that are set, ascending."""
    for at, byte in enumerate(mask.to_bytes((mask.bit_length() + 7) // 8, "little")):
        if byte:
            base = 8 * at
            for bit in _BITS_OF_BYTE[byte]:
                yield base + bit
