"""What `leadflow test` reads from pytest's report."""

from __future__ import annotations

from console.commands.test import read_report

REPORT = """<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1"
failures="2" skipped="3" tests="10" time="0.1"><testcase classname="c" name="n" time="0.0"><skipped type="pytest.skip"
message="hatchling is not installed">where</skipped></testcase></testsuite></testsuites>"""


def test_counts_and_reasons_are_read() -> None:
    outcome = read_report(REPORT, 1)
    assert (outcome.passed, outcome.failed, outcome.exit_code) == (4, 3, 1)
    assert outcome.skips == ("hatchling is not installed",)


def test_no_report_counts_nothing() -> None:
    assert read_report("", 4) == (4, 0, 0, ())
