"""Which of many conditions hold for a lead, answered from indexes instead of by asking each.

Every condition is brought to rows: it holds when at least one of its rows holds, a row holds when all its literals
(a test, or its negation) hold. Rows are bits of Python integers. For each field an index maps a value to the rows
that this value does not rule out; the rows that hold are the AND over the fields. A field's values fall into few
classes, and the answer for a combination of classes is remembered: the cost hardly grows with the number of
conditions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

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
)
from config.plan.field_index import ClassOf, Demands, FieldIndex, Literal, index_of

#: Rows a single condition may have; one that needs more is asked by itself (still exact, only slower).
ROWS_MAX: Final = 64
#: Remembered answers: entries, and conditions in all of them together (8 bytes each). Full: begun anew.
ANSWERS_MAX: Final = 4_096
ANSWERED_MAX: Final = 1_000_000

A = TypeVar("A")
Row = tuple[Literal, ...]
Classes = tuple[Key | None, ...]


class ConditionIndex(Generic[A]):
    """Many conditions as one index.

    Promise: `ask` equals asking each condition by itself. It remembers answers within fixed bounds, and has no
    other state.

    Args:
        conditions: in the order in which their numbers are given to `answer`.
        answer: makes the answer from the numbers of the conditions that hold, ascending; a pure function.
    """

    def __init__(self, conditions: Sequence[Condition], answer: Callable[[tuple[int, ...]], A]) -> None:
        rows: list[Row] = []
        self._answer_of = answer
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
        self._classes_of = _classes_of([(field, classes) for field, classes, _ in self._indexes])
        self._answers: dict[Classes, tuple[tuple[int, ...], A]] = {}
        self._answered = 0

    def ask(self, values: Values, grade: str) -> A:
        """Return the answer for a lead: made anew, or the same object as for an earlier lead of the same classes."""
        classes = self._classes_of(values.get, grade)
        found = self._answers.get(classes)
        if found is None:
            found = self._remember(classes, self._numbers(classes))
        if not self._asked:
            return found[1]
        asked = self._asked
        return self._answer_of(tuple(n for n in found[0] if n not in asked or asked[n](values, grade)))

    @property
    def remembered(self) -> tuple[int, int]:
        """Return how many answers are remembered, and how many numbers are in them together."""
        return len(self._answers), self._answered

    def _numbers(self, classes: Classes) -> tuple[int, ...]:
        rows = self._all
        for (_, _, index), of_class in zip(self._indexes, classes, strict=True):
            rows &= index.mask(of_class)
        owner = self._owner
        return tuple(dict.fromkeys([owner[row] for row in _bits(rows)]))

    def _remember(self, classes: Classes, numbers: tuple[int, ...]) -> tuple[tuple[int, ...], A]:
        if len(self._answers) >= ANSWERS_MAX or self._answered + len(numbers) > ANSWERED_MAX:
            self._answers.clear()
            self._answered = 0
        found = self._answers[classes] = (numbers, self._answer_of(numbers))
        self._answered += len(numbers)
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


def _classes_of(known: Sequence[tuple[str, ClassOf]]) -> Callable[[Callable[[str], str | None], str], Classes]:
    """Return what looks up the class of each field, given `values.get` and the grade, written out as one expression:

        lambda get, grade: (classes0[get('state')], classes1[grade],)

    Every lead is asked about twice, and a loop takes twice as long.
    """
    values = ["grade" if field == GRADE else f"get({field!r})" for field, _ in known]
    looks = "".join(f"classes{number}[{value}], " for number, value in enumerate(values))
    names = {f"classes{number}": classes for number, (_, classes) in enumerate(known)}
    written: Callable[[Callable[[str], str | None], str], Classes]
    written = eval(f"lambda get, grade: ({looks})", names)  # noqa: S307 - our own line
    return written


def _indexes(rows: Sequence[Row]) -> Iterable[tuple[str, ClassOf, FieldIndex]]:
    """Yield (field, classes of its values, index) for every field, and for each way in which its values compare."""
    demands: dict[tuple[str, str, Callable[[Demands, int], FieldIndex]], Demands]
    demands = defaultdict(lambda: defaultdict(list))
    for number, row in enumerate(rows):
        for literal in row:
            test = literal[0]
            demands[test.field, test.kind, index_of(test)][number].append(literal)
    everyone = (1 << len(rows)) - 1
    for (field, kind, make), wanted in demands.items():
        index = make(wanted, everyone)
        yield field, index.classes(kind), index


#: The bits of each byte, lowest first.
_BITS_OF_BYTE: Final = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))


def _bits(mask: int) -> Iterable[int]:
    """Yield the numbers of the bits that are set, ascending."""
    for at, byte in enumerate(mask.to_bytes((mask.bit_length() + 7) // 8, "little")):
        if byte:
            base = 8 * at
            for bit in _BITS_OF_BYTE[byte]:
                yield base + bit
