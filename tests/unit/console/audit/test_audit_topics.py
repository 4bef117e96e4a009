"""What an audit reads, in slices, and what a window judges."""

from __future__ import annotations

import pytest

from console.audit.findings import Rule
from console.audit.history import History
from console.audit.planting import VIOLATIONS
from console.audit.topics import Window, audit, reading_of, slices
from schemas.records import LeadRejected, LeadSold
from schemas.topics import RECEIVED, REJECTED, SOLD
from streams.stage import Message, TopicPartition
from tests.unit.console.audit.judged import CODEC, judged
from tests.unit.console.audit.shelf import Shelf
from tests.unit.console.audit.world import clean


def received() -> list[Message]:
    return [message for message in clean() if message.topic == RECEIVED]


def test_everything_is_read_once_and_the_verdict_is_that_of_the_records() -> None:
    told: list[tuple[int, int]] = []
    verdict = audit(Shelf(clean()), CODEC, watch=lambda read, of: told.append((read, of)))
    assert verdict.findings == ()
    assert verdict.accounting() == judged(clean()).accounting()
    assert told[-1][0] == told[-1][1]


@pytest.mark.parametrize("records_max", [50, 400, 10_000])
def test_slices_hold_no_more_than_they_may_and_all_of_it(records_max: int) -> None:
    shelf = Shelf(clean())
    ranges = reading_of(shelf, Window()).ways
    pieces = list(slices(shelf, ranges, records_max))
    busiest = max(sum(m.timestamp_ms == at for m in clean()) for at in {m.timestamp_ms for m in clean()})
    sizes = [len(list(shelf.read(piece))) for piece in pieces]
    assert max(sizes) <= max(records_max, records_max // 2 + busiest)
    for at, bounds in ranges.items():
        assert [piece[at].start for piece in pieces] == [bounds.start, *(piece[at].end for piece in pieces[:-1])]
        assert pieces[-1][at].end == bounds.end


def test_a_window_by_time_judges_the_leads_received_in_it() -> None:
    middle, late = received()[18].timestamp_ms, received()[-6].timestamp_ms
    verdict = audit(Shelf(clean()), CODEC, Window(from_ms=middle, to_ms=late))
    assert verdict.findings == ()
    assert verdict.received == sum(middle <= message.timestamp_ms < late for message in received())
    assert verdict.figures.open == 0


def test_a_window_by_offsets_judges_what_lies_behind_them() -> None:
    verdict = audit(Shelf(clean()), CODEC, Window(from_offsets={0: 3, 1: 6, 2: 9}))
    assert verdict.findings == ()
    assert verdict.received == sum(message.offset >= (3, 6, 9)[message.partition] for message in received())


def test_a_window_finds_what_is_planted_in_it_and_nothing_of_before() -> None:
    history = History(clean(), CODEC)
    message, fact = history.first(REJECTED, LeadRejected, lambda each: each.stage == "dedup")
    history.drop(message)
    later = max(m.timestamp_ms for m in received()[:12])
    assert [f.rule for f in audit(Shelf(history.messages), CODEC).findings] == [Rule.RECEIVED_LOST]
    assert audit(Shelf(history.messages), CODEC, Window(from_ms=later)).findings == ()
    before = audit(Shelf(history.messages), CODEC, Window(to_ms=later))
    assert [finding.at.offset for finding in before.findings] == [fact.received_offset]


def test_sales_of_leads_outside_of_the_window_count_under_its_caps() -> None:
    history = History(clean(), CODEC)
    next(each for each in VIOLATIONS if each.name == "a buyer record without a sale").plant(history)
    since = received()[18].timestamp_ms
    verdict = audit(Shelf(history.messages), CODEC, Window(from_ms=since))
    used = {
        fill.limit.window: fill.used for fill in verdict.fills if fill.buyer_id == "d" and fill.limit.window == "total"
    }
    sold = [s for m, s in history.all(SOLD, LeadSold) if s.buyer_id == "d" and m.timestamp_ms >= since - 300_000]
    assert used == {"total": len([sale for sale in sold if not sale.test])}


def test_a_topic_that_has_no_record_is_no_trouble() -> None:
    shelf = Shelf(message for message in clean() if not message.topic.endswith(".dead"))
    verdict = audit(shelf, CODEC)
    assert [finding.rule for finding in verdict.findings] == [Rule.RECEIVED_LOST]  # the one that was set aside
    assert TopicPartition(RECEIVED, 0) in shelf.logs
