"""One line a fact, and never a person."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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


FAUST = """
import logging
from faust import Worker
from config.settings import load_settings
from streams.app import build_app

app = build_app(lambda: None, [], load_settings({"LEADFLOW_DATA": "."}))
Worker(app, loglevel="debug")._setup_logging()
try:
    int("Zyxwvut")
except ValueError:
    logging.getLogger("faust.agents").exception("an agent fell")
    logging.getLogger("streams.engine").info("an epoch is redone", exc_info=True)
logging.getLogger("faust").info("chatter")
"""


def test_fausts_own_command_line_logs_as_we_do(tmp_path: Path) -> None:
    """`faust -A agents.worker worker` sets up logging itself; so does the Worker here."""
    done = subprocess.run(
        [sys.executable, "-c", FAUST],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    first, second = done.stderr.splitlines()
    assert re.fullmatch(r"\S+Z ERROR   faust.agents an agent fell ValueError \[<string>:\d+ <module>\]", first)
    assert re.fullmatch(r"\S+Z INFO    streams.engine an epoch is redone ValueError \[<string>:\d+ <module>\]", second)
    assert "Zyxwvut" not in done.stdout
