"""Where a partition may start, and when nobody may guess."""

from __future__ import annotations

import pytest

from schemas.errors import PartitionStop
from streams.positions import changelog_topic, check_state, position_key, start_offset, table_key
from streams.stage import TopicPartition

P = TopicPartition("leads.scored", 3)
Q = TopicPartition("internal.reroutes", 3)


@pytest.mark.parametrize(
    ("committed", "bounds", "position", "starts"),
    [
        (5, (0, 9), 5, 5),
        (5, (0, 9), None, 5),
        (9, (0, 9), None, 9),
        (5, (5, 9), 5, 5),
        (0, (0, 0), None, 0),
        (None, (0, 0), None, 0),
        (None, (0, 9), None, 0),
        (None, (0, 9), 0, 0),
    ],
)
def test_starts_at_the_committed_offset(
    committed: int | None, bounds: tuple[int, int], position: int | None, starts: int
) -> None:
    assert start_offset(P, committed, bounds, position) == starts


@pytest.mark.parametrize(
    ("committed", "bounds", "position"),
    [
        (None, (3, 9), None),  # cut, and no offset: what was processed is not known
        (None, (0, 9), 4),  # the state says that something was processed
        (4, (5, 9), 4),  # cut above the offset: records would be skipped
        (12, (0, 9), 12),  # beyond the end: the topic was made anew
    ],
)
def test_stops_rather_than_guess(committed: int | None, bounds: tuple[int, int], position: int | None) -> None:
    with pytest.raises(PartitionStop, match=r"leads\.scored-3: .*leadflow repair"):
        start_offset(P, committed, bounds, position)


def test_state_must_have_come_exactly_as_far_as_each_offset() -> None:
    check_state([P, Q], {P: 5, Q: 0}, {"leads.scored": 5})
    for committed in (4, 6):
        with pytest.raises(PartitionStop, match=f"its state is at 5, its committed offset at {committed}"):
            check_state([P, Q], {P: committed, Q: 0}, {"leads.scored": 5})
    with pytest.raises(PartitionStop, match=r"internal\.reroutes-3: its state is at 0, its committed offset at 2"):
        check_state([P, Q], {P: 5, Q: 2}, {"leads.scored": 5})


def test_names_on_the_wire() -> None:
    assert changelog_topic("routing") == "internal.routing.changelog"
    assert table_key("routed", "é") == b"routed\x00\xc3\xa9"
    assert position_key("leads.scored") == b"\x00position/leads.scored"
