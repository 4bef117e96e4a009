"""Feeds the auditor from Kafka: everything that is in the topics now, or the leads of a window, in slices of time.

A slice holds a bounded number of records of all topics, read one after the other, so that leads come to their end soon
after they are met and few are open at a time, however long the log is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from console.audit.auditor import HORIZON_MS, Auditor
from console.audit.scope import BUYERS, DEAD, Scope, audited
from console.audit.slack import USUAL, Slack
from console.audit.verdict import Verdict
from console.reading import Bounds, Reader
from schemas.codec import Codec
from schemas.topics import (
    CLOSED,
    OFFERS,
    PAUSES,
    PLAN,
    RECEIVED,
    REJECTED,
    REROUTES,
    SCORED,
    SOLD,
    UNFILLED,
    UNIQUE,
)
from streams.stage import TopicPartition

#: Records of a slice: some hundred megabytes of open leads at worst.
SLICE_RECORDS = 200_000
#: The last time that there is; a clock may be ahead of this machine's.
FOREVER_MS = 253_402_300_799_999
#: Topics other than leads.received are read from so long before a window: a lead is nowhere before it is received.
EARLIER_MS = 300_000
#: The order in which ends are taken: what follows from a record before the record, so that no cause is cut off.
_ENDS = ((CLOSED,), (), (SOLD, UNFILLED), (OFFERS, REROUTES), (SCORED,), (UNIQUE, REJECTED), (PLAN, PAUSES))

Ranges = dict[TopicPartition, Bounds]


class Window(NamedTuple):
    """Which received leads are judged: from a time or from offsets (others from their partition's start), to a time."""

    from_ms: int | None = None
    from_offsets: Mapping[int, int] | None = None
    to_ms: int | None = None


class Reading(NamedTuple):
    """What is to be read: first what rules and what was set aside, then the leads' way; and which leads are judged."""

    rules: Ranges
    ways: Ranges
    scope: Scope

    @property
    def records(self) -> int:
        """How many offsets there are; marks of transactions are among them."""
        return sum(bounds.end - bounds.start for ranges in (self.rules, self.ways) for bounds in ranges.values())


def audit(
    reader: Reader,
    codec: Codec,
    window: Window = Window(),  # noqa: B008 - an immutable value
    *,
    horizon_ms: int = HORIZON_MS,
    slack: Slack = USUAL,
    watch: Callable[[int, int], None] = lambda read, of: None,
) -> Verdict:
    """Audit what is in the topics now and return the verdict; `watch` is told how far it has come.

    A lead that was received and has not come to its end yet counts as lost: let work come to rest, or end the window
    before now. `slack` is that of real time. Raises Unreachable.
    """
    plan = reading_of(reader, window)
    auditor = Auditor(codec, plan.scope, horizon_ms=horizon_ms, slack=slack.at_rate(reader.rate))
    read, of = 0, plan.records
    for ranges in (plan.rules, *slices(reader, plan.ways)):
        for message in reader.read(ranges):
            auditor.take(message)
        read += sum(bounds.end - bounds.start for bounds in ranges.values())
        watch(read, of)
    return auditor.end()


def reading_of(reader: Reader, window: Window) -> Reading:
    """Return what an audit of a window reads: the ends are those of now, leads received later are left out."""
    received = reader.partitions(RECEIVED)
    found = reader.bounds(received)
    scope = _scope(reader, received, found, window)
    ranges: Ranges = {}
    topics = [topic for topic in reader.topics() if audited(topic)]
    for names in _ENDS:
        chosen = names or tuple(topic for topic in topics if topic.startswith(BUYERS))
        ranges |= reader.bounds(reader.partitions(*chosen))
    dead = reader.bounds(reader.partitions(*(topic for topic in topics if topic.endswith(DEAD))))
    rules = dead | {at: ranges.pop(at) for at in reader.partitions(PLAN, PAUSES) if at in ranges}
    if window.from_ms is not None or window.from_offsets is not None:
        ranges = _later(reader, ranges, scope.since_ms - EARLIER_MS)
    ends = scope.ends or {}
    for at in received:
        start = max(found[at].start, scope.starts.get(at.partition, 0))
        ranges[at] = Bounds(start, max(start, ends.get(at.partition, found[at].end)))
    return Reading(rules, ranges, scope)


def _scope(
    reader: Reader, received: list[TopicPartition], found: Mapping[TopicPartition, Bounds], window: Window
) -> Scope:
    starts = {at.partition: found[at].start for at in received}
    ends = {at.partition: found[at].end for at in received}
    since_ms = window.from_ms or 0
    if window.from_ms is not None:
        starts |= {at.partition: offset for at, offset in reader.offsets_at(received, window.from_ms).items()}
    if window.from_offsets is not None:
        starts |= window.from_offsets
        since_ms = _time_of(reader, starts, ends)
    if window.to_ms is not None:
        found_ends = reader.offsets_at(received, window.to_ms)
        ends = {at.partition: min(ends[at.partition], offset) for at, offset in found_ends.items()}
    return Scope(starts, ends, since_ms)


def _time_of(reader: Reader, starts: Mapping[int, int], ends: Mapping[int, int]) -> int:
    """Return the earliest broker time of the records at some offsets of leads.received; 0 when none is there."""
    times = []
    for partition, offset in starts.items():
        ranges = {TopicPartition(RECEIVED, partition): (offset, ends.get(partition, offset))}
        message = next(iter(reader.read(ranges)), None)
        if message is not None:
            times.append(message.timestamp_ms)
    return min(times, default=0)


def _later(reader: Reader, ranges: Ranges, since_ms: int) -> Ranges:
    starts = reader.offsets_at(ranges, max(0, since_ms))
    return {at: Bounds(min(bounds.end, max(bounds.start, starts[at])), bounds.end) for at, bounds in ranges.items()}


def slices(reader: Reader, ranges: Ranges, records_max: int = SLICE_RECORDS) -> Iterator[Ranges]:
    """Yield the ranges in pieces, by the broker's time, each of about `records_max` records at most."""
    rest = dict(ranges)
    low = 0
    while _size(rest) > records_max:
        low, cut = _cut(reader, rest, records_max, low, FOREVER_MS)
        yield {at: Bounds(bounds.start, cut[at]) for at, bounds in rest.items()}
        rest = {at: Bounds(cut[at], bounds.end) for at, bounds in rest.items()}
    yield rest


def _size(ranges: Ranges) -> int:
    return sum(bounds.end - bounds.start for bounds in ranges.values())


def _cut(reader: Reader, rest: Ranges, records_max: int, low: int, high: int) -> tuple[int, dict[TopicPartition, int]]:
    """Return the latest time before which no more than `records_max` records lie, and the offsets there.

    Where one millisecond holds more than that, all of it.
    """
    cut = {at: bounds.end for at, bounds in rest.items()}
    while high - low > 1:
        middle = (low + high) // 2
        offsets = reader.offsets_at(rest, middle)
        there = {at: min(max(offsets[at], bounds.start), bounds.end) for at, bounds in rest.items()}
        size = sum(there[at] - bounds.start for at, bounds in rest.items())
        if size > records_max:
            high, cut = middle, there
        else:
            low = middle
            if size > records_max // 2:
                return middle, there
    return high, cut
