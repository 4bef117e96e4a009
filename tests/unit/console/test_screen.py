"""What the screen shows of times, spans, amounts and names; pauses' times; offsets that disagree."""

from __future__ import annotations

import io

import click
import pytest
from rich.console import Console
from rich.text import Text

from console.decoding import as_text
from console.mending import judge
from console.pausing import UntilTime, check_until, until_ms
from console.reading import Bounds
from console.screen import (
    CALENDAR_END_MS,
    LINE_EVERY_S,
    WIDTH,
    age,
    count,
    hanging,
    item,
    local,
    money,
    near,
    priced,
    progress,
    utc,
)
from console.standing import Standing
from schemas.records import BuyerTerms, Cap, ContractTerms, Count, Counters
from streams.stage import TopicPartition

NOON = 1_780_425_000_123


def test_times_are_said_in_utc_and_in_a_zone() -> None:
    assert utc(NOON) == "2026-06-02 18:30:00.123Z"
    assert utc(-1) == "-"
    assert local(NOON, "America/Los_Angeles") == "Tue 11:30:00 PDT"


def test_a_time_in_other_units_is_shown_as_it_is_and_breaks_nothing() -> None:
    assert utc(NOON * 1000) == "1,780,425,000,123,000 ms after 1970"
    assert utc(CALENDAR_END_MS) == "9999-12-31 00:00:00.000Z"
    assert local(NOON * 1000, "Pacific/Kiritimati") == "-"
    assert local(CALENDAR_END_MS, "Pacific/Kiritimati").startswith("Fri 14:00:00")


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (-5, "0 ms"),
        (250, "250 ms"),
        (4_000, "4 s"),
        (61_000, "1 min 1 s"),
        (11_520_000, "3 h 12 min"),
        (93_600_000, "1 d 2 h"),
    ],
)
def test_a_span_is_said_in_its_two_largest_units(ms: int, words: str) -> None:
    assert age(ms) == words


@pytest.mark.parametrize(
    ("minor", "words"),
    [(0, "0.00 USD"), (5, "0.05 USD"), (123_450, "1,234.50 USD"), (-2_000_000, "-20,000.00 USD")],
)
def test_amounts_are_said_in_units_of_the_currency(minor: int, words: str) -> None:
    assert money(minor, "USD") == words


def test_numbers_go_with_their_nouns_and_names_with_hints() -> None:
    assert (count(1, "lead"), count(2_000, "lead")) == ("1 lead", "2,000 leads")
    assert near("sunc", ["sunco", "lakes"]) == "; did you mean sunco?"
    assert near("zzz", ["b", "a"]) == "; there are: a, b"
    assert near("zzz", []) == "; there are none"
    assert near("zzz", [f"a{number:02}" for number in range(22)]).endswith("a18, a19 and 2 more")


def test_what_does_not_fit_goes_on_below_its_first_word() -> None:
    out = io.StringIO()
    hanging(Console(file=out, width=24), "  5.1 s  ", Text("imported; worker w1 came back"))
    assert out.getvalue().splitlines() == [
        "  5.1 s  imported;",
        "         worker w1 came",
        "         back",
    ]


def test_one_of_a_list_goes_on_two_columns_further_in() -> None:
    out = io.StringIO()
    item(Console(file=out, width=24), Text("buyer sunco: cap on leads per day raised"))
    assert out.getvalue().splitlines() == ["  buyer sunco: cap on", "    leads per day raised"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("grade is one of A, B: 1234.50 USD", "1,234.50 USD (grade is one of A, B)"),
        ("otherwise: 1234.50 USD", "1,234.50 USD (otherwise)"),
        ("1234.50 USD", "1,234.50 USD"),
    ],
)
def test_a_price_comes_with_the_condition_that_set_it(rule: str, words: str) -> None:
    assert priced(123_450, "USD", rule) == words


def test_fields_become_lines_with_times_in_words_and_empty_ones_left_out() -> None:
    fields = {"lead": {"email": "j***", "phone": None}, "steps": [{"at": NOON}], "fields": {}, "notes": ["a"], "n": 0}
    assert as_text(fields) == [
        ("lead.email", "j***"),
        ("steps.0.at", "2026-06-02 18:30:00.123Z"),
        ("notes.0", "a"),
        ("n", "0"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2h", NOON + 7_200_000), ("1d", NOON + 86_400_000), ("2026-06-02T12:00:00-07:00", 1_780_426_800_000)],
)
def test_a_pause_ends_after_a_span_or_at_a_time(text: str, expected: int) -> None:
    given = UntilTime().convert(text, None, None)
    assert isinstance(given, tuple)
    assert until_ms(given, NOON) == expected
    assert until_ms(None, NOON) == -1


@pytest.mark.parametrize("text", ["", "soon", "0h", "2026-06-02T12:00:00", "h", "0001-01-01T00:00:00+14:00"])
def test_a_pause_until_no_time_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        UntilTime().convert(text, None, None)


def test_a_time_without_a_zone_is_answered_with_one_that_can_be_given() -> None:
    with pytest.raises(click.BadParameter, match="write 2026-06-03T00:00:00Z for UTC"):
        UntilTime().convert("2026-06-03", None, None)
    assert UntilTime().convert("2026-06-03T00:00:00Z", None, None) == ("at", 1_780_444_800_000)


def test_a_pause_that_is_over_or_ends_in_another_age_is_refused() -> None:
    check_until(-1, NOON)
    check_until(NOON + 1, NOON)
    with pytest.raises(click.BadParameter, match="is over"):
        check_until(NOON, NOON)
    given = UntilTime().convert("99999999999999999999d", None, None)
    assert isinstance(given, tuple)
    with pytest.raises(click.BadParameter, match="ten years"):
        check_until(until_ms(given, NOON), NOON)


def test_a_pause_that_is_over_is_none_whatever_the_owner_still_remembers() -> None:
    standing = Standing("sunco", pauses={"": NOON, "sunco-solar": NOON + 1, "sunco-roof": -1})
    assert standing.paused(NOON) == {"sunco-solar": NOON + 1, "sunco-roof": -1}


AT = TopicPartition("internal.offers", 3)


@pytest.mark.parametrize(
    ("stage", "committed", "position", "bounds"),
    [
        ("delivery", 27, 27, Bounds(0, 40)),
        ("delivery", 0, None, Bounds(0, 40)),
        ("delivery", None, None, Bounds(0, 40)),
        ("", 27, None, Bounds(0, 40)),
        ("", 27, None, Bounds(27, 27)),
    ],
)
def test_offsets_that_agree_are_left_alone(
    stage: str, committed: int | None, position: int | None, bounds: Bounds
) -> None:
    assert judge(AT, stage, committed, position, bounds) is None


@pytest.mark.parametrize(
    ("stage", "committed", "position", "bounds", "settled"),
    [
        ("delivery", 20, 27, Bounds(0, 40), 27),  # a late request moved the group back
        ("delivery", 35, 27, Bounds(0, 40), 27),  # or ahead
        ("delivery", None, 27, Bounds(0, 40), 27),  # its offsets have expired
        ("delivery", 20, 27, Bounds(30, 40), -1),  # what its state has not seen is cut off
        ("delivery", 20, None, Bounds(0, 40), -1),  # its changelog is gone
        ("", None, None, Bounds(5, 40), 5),
        ("", 3, None, Bounds(5, 40), 5),
        ("", 50, None, Bounds(0, 40), 0),
    ],
)
def test_the_state_says_how_far_the_work_has_come(
    stage: str, committed: int | None, position: int | None, bounds: Bounds, settled: int
) -> None:
    found = judge(AT, stage, committed, position, bounds)
    assert found is not None
    assert found.settled == settled
    assert found.repeats_or_skips


def counters(leads: int, end_at: int) -> Counters:
    window = Count(0, end_at, leads, leads * 4_200)
    return Counters(window, window, window, window, Count(0, 1 << 50, 99, 99 * 4_200))


def test_caps_show_what_is_used_in_the_window_of_now() -> None:
    caps = (Cap("leads", "day", 40), Cap("spend", "month", 500_000), Cap("leads", "total", 100))
    contract = ContractTerms("sunco-solar", "solar-us", "t", (Cap("leads", "hour", 5),), (), False)
    terms = BuyerTerms("sunco", 1, "UTC", 0, True, (), False, caps, (contract,), "USD", False, NOON)
    standing = Standing("sunco", terms, counters={"": counters(38, NOON + 10), "sunco-solar": counters(7, NOON + 10)})
    now = [(use.contract_id, use.used, use.left) for use in standing.uses(NOON)]
    assert now == [("", 38, 2), ("", 159_600, 340_400), ("", 99, 1), ("sunco-solar", 7, 0)]
    later = [(use.used, use.resets_at) for use in standing.uses(NOON + 10)]
    assert later == [(0, -1), (0, -1), (99, -1), (0, -1)]
    assert standing.sold_today(NOON) == (38, 159_600)
    assert standing.sold_today(NOON + 10) == (0, 0)
    assert Standing("new").uses(NOON) == []


def test_where_no_terminal_is_progress_is_a_line_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    bar = progress(Console(file=io.StringIO(), width=WIDTH))
    bar.get_time = lambda: now
    with bar:
        task = bar.add_task("seeds", total=2000)
        for done in (100, 1200, 1300, 1900):
            now += LINE_EVERY_S / 2
            bar.update(task, completed=done)
        now += LINE_EVERY_S
        bar.advance(task, 100)
    assert capsys.readouterr().err.splitlines() == [
        "seeds: 1,200 of 2,000 after 1 min 0 s",
        "seeds: 1,900 of 2,000 after 2 min 0 s",
        "seeds: 2,000 of 2,000 after 3 min 0 s",
    ]
