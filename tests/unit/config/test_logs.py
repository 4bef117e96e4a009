"""One line a fact, and never a person."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator

import pytest

from config.logs import ROOTS, configure_logs, fact
from schemas.errors import Undecodable
from schemas.records import Lead


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged, with the loggers as they were put back afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, {name: logging.getLogger(name).level for name in ROOTS}
    out = io.StringIO()
    configure_logs("INFO", out)
    yield out
    root.handlers[:], root.level = before[0], before[1]
    for name, level in before[2].items():
        logging.getLogger(name).setLevel(level)


def test_a_fact_is_one_line_with_its_fields(lines: io.StringIO) -> None:
    fact(
        logging.getLogger("streams.engine"),
        logging.WARNING,
        "an epoch is redone",
        cause="EpochLost",
        records=120,
        why="a b",
    )
    time, rest = lines.getvalue().split(" ", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert rest == "WARNING streams.engine an epoch is redone cause=EpochLost records=120 why='a b'\n"


def test_ours_are_logged_from_the_level_on_and_others_from_warning(lines: io.StringIO) -> None:
    for name in (*ROOTS, "faust"):
        logging.getLogger(name).info("hello")
        logging.getLogger(name).debug("hello")
    assert [line.split()[2] for line in lines.getvalue().splitlines()] == list(ROOTS)


def test_configuring_again_does_not_double(lines: io.StringIO) -> None:
    configure_logs("ERROR", lines)
    logging.getLogger("streams").warning("hello")
    logging.getLogger("streams").error("hello")
    assert len(lines.getvalue().splitlines()) == 1


def test_a_foreign_error_shows_its_type_and_place_but_not_its_text(lines: io.StringIO) -> None:
    try:
        int("Zyxwvut")
    except ValueError:
        logging.getLogger("agents.dedup").exception("it fails")
    said = lines.getvalue()
    assert "ValueError [test_logs.py:" in said
    assert "Zyxwvut" not in said
    assert said.count("\n") == 1


def test_an_error_of_ours_shows_its_text(lines: io.StringIO) -> None:
    try:
        raise Undecodable("no framing")
    except Undecodable:
        logging.getLogger("agents.dedup").exception("it fails")
    assert "Undecodable: no framing [test_logs.py:" in lines.getvalue()


def test_a_record_in_a_log_shows_no_person(lines: io.StringIO) -> None:
    lead = Lead(first_name="Zyxwvut", fields={"x": "Zyxwvut"})
    logging.getLogger("agents").warning("a lead: %s", lead)
    fact(logging.getLogger("agents"), logging.WARNING, "a lead", lead=lead, several=[lead])
    assert "Zyxwvut" not in lines.getvalue()
    assert lines.getvalue().count("Lead(...)") == 3


def test_a_line_stays_a_line(lines: io.StringIO) -> None:
    fact(logging.getLogger("agents"), logging.ERROR, "two\nlines", text="x\ny" * 1000)
    assert lines.getvalue().count("\n") == 1
    assert len(lines.getvalue()) < 600
