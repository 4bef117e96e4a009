"""What an epoch writes: nothing is placed or sent twice, and nothing foretold passes that stands elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from schemas.errors import EpochLost, Overtaken
from streams.client import Output, Place, Placed
from streams.handover import Handover
from streams.outbox import Outbox
from streams.stage import Batch, Message

A, B = ("a", 0), ("b", 0)


def record(topic: str, value: bytes) -> Output:
    return (topic, value, b"k", 0, (), None)


def by_topic(outputs: Sequence[Output]) -> Placed:
    placed: dict[Place, list[Output]] = {}
    for output in outputs:
        placed.setdefault((output[0], 0), []).append(output)
    return placed


def values(placed: Placed) -> dict[Place, list[bytes | None]]:
    return {place: [output[1] for output in outputs] for place, outputs in placed.items()}


def test_each_record_is_placed_and_sent_once_in_its_order() -> None:
    box = Outbox()
    box.emitted += [record("a", b"1"), record("b", b"2")]
    assert values(box.place(by_topic)) == {A: [b"1"], B: [b"2"]}
    box.emitted.append(record("a", b"3"))
    assert values(box.place(by_topic)) == {A: [b"3"]}
    assert values(box.send()) == {A: [b"1", b"3"], B: [b"2"]}
    assert box.unplaced() == []
    assert box.send() == {}


def foretold_twice() -> Outbox:
    """A box of two rounds of two records each, foretold to stand at 5 to 8 of `a`, and sent."""
    box = Outbox()
    for first in (5, 7):
        box.emitted += [record("a", b"%d" % first), record("a", b"%d" % (first + 1))]
        box.foretell({A: first}, box.place(by_topic))
        assert box.appended[A][:2] == (first, first + 1)
    box.send()
    return box


def test_what_stands_where_it_was_foretold_to_is_not_appended_again() -> None:
    box = foretold_twice()
    box.told({A: (5, 8)})
    assert (box.appended, box.last) == ({}, {A: 8})


def test_what_was_written_behind_foretold_records_is_appended_when_it_is_told() -> None:
    box = Outbox()
    box.emitted.append(record("a", b"5"))
    box.foretell({A: 5}, box.place(by_topic))
    box.emitted.append(record("a", b"6"))
    box.place(by_topic)
    box.send()
    box.told({A: (5, 6)})
    assert box.appended == {A: (6, 6, [record("a", b"6")])}


@pytest.mark.parametrize(
    ("offsets", "error"),
    [({A: (6, 9)}, Overtaken), ({A: (5, 9)}, Overtaken), ({A: (4, 7)}, Overtaken), ({}, EpochLost)],
)
def test_what_stands_elsewhere_than_foretold_loses_the_epoch(
    offsets: Mapping[Place, tuple[int, int]], error: type[EpochLost]
) -> None:
    with pytest.raises(error) as lost:
        foretold_twice().told(offsets)
    assert type(lost.value) is error


def test_a_partition_that_was_sent_to_is_known_before_its_offsets_are() -> None:
    box = Outbox()
    box.emitted.append(record("a", b"1"))
    box.place(by_topic)
    box.send()
    assert box.last == {A: None}
    box.told({A: (3, 3)})
    assert box.last == {A: 3}
    box.emitted.append(record("a", b"2"))
    box.place(by_topic)
    box.send()
    assert box.last == {A: None}, "the one that was told is not the last any more"
    with pytest.raises(EpochLost, match="a-0"):
        box.told({})
    assert box.last == {A: None}


def batch(place: Place, offset: int) -> Batch:
    return Batch(*place, [Message(*place, offset, 0, b"k", b"v", ())])


def test_nothing_is_handed_over_behind_what_is_kept() -> None:
    handover = Handover()
    assert handover.end(A) is None
    assert handover.add(batch(A, 5), at_once=True)
    assert not handover.add(batch(A, 6), at_once=False)
    assert not handover.add(batch(A, 7), at_once=True)
    assert handover.add(batch(B, 0), at_once=True)
    assert (handover.end(A), handover.end(B)) == (8, 1)
    assert [b.messages[0].offset for b in handover.batches] == [5, 0]
    assert [b.messages[0].offset for b in handover.kept] == [6, 7]
    assert handover.counts() == {A: 3, B: 1}
