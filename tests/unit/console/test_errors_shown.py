"""How the command line says that something is wrong: one voice, whole words, usage only where it helps."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from console.cli import main, wrapped

HERE = Path(__file__).parent


def said(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int | str | None, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ("plan", "check", "nothing.yaml"),
            2,
            "leadflow: Invalid value for 'PATH': Path 'nothing.yaml' does not exist.",
        ),
        (("plan", "check", str(HERE)), 1, "leadflow: the plan has 1 problem\n"),
        (("tail", "-n", "many", "leads.sold"), 2, "leadflow: Invalid value for '-n': 'many' is not a valid integer"),
    ],
)
def test_a_wrong_value_is_said_by_the_program_itself_without_its_usage(
    arguments: tuple[str, ...], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, text = said(arguments, capsys)
    assert (ended, text.startswith(words)) == (code, True), text


@pytest.mark.parametrize("arguments", [("lead", "show"), ("tail", "--speed", "leads.sold"), ("plan", "chekc")])
def test_a_command_written_wrongly_is_shown_how_it_is_written(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    ended, text = said(arguments, capsys)
    assert ended == 2
    assert text.startswith("Usage: leadflow ")
    assert "\nleadflow: " in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("imprt", "leadflow: there is no command 'imprt'; did you mean import?"),
        ("sell", "leadflow: there is no command 'sell'; `leadflow --help` lists them"),
    ],
)
def test_a_command_that_is_not_there_is_answered_with_those_that_are(
    name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, text = said([name], capsys)
    assert (ended, text.splitlines()[-1]) == (2, words)


@pytest.mark.parametrize("arguments", [(), ("plan",), ("topics",)])
def test_a_group_that_is_called_alone_says_its_commands_and_its_usage_once(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    ended, text = said(arguments, capsys)
    assert ended == 2
    assert text.startswith("Usage: leadflow ")
    assert (text.count("Usage: "), text.count("Commands:"), text.count("leadflow: ")) == (1, 1, 0)


def test_lines_break_between_words_with_what_follows_further_in() -> None:
    assert wrapped("leadflow: one two three", 16) == ["leadflow: one", "  two three"]
    assert wrapped("  pacific-desk is gone for good", 16) == ["  pacific-desk", "    is gone for", "    good"]
    assert wrapped("see /a/path/that/is/wide", 10) == ["see", "  /a/path/that/is/wide"]
    assert wrapped("", 10) == [""]


def test_on_a_terminal_no_word_is_broken() -> None:
    mine, theirs = pty.openpty()
    plan = HERE / ("a-long-name-" * 12) / "nothing-here.yaml"
    with subprocess.Popen(
        [sys.executable, "-m", "console", "plan", "check", f"{plan} and more words behind it"], stderr=theirs
    ) as ran:
        os.close(theirs)
        assert ran.wait(30) == 2
    text = os.read(mine, 10_000).decode()
    os.close(mine)
    assert str(plan) in text
    assert "\r\n  " in text


def test_a_worker_whose_web_port_is_taken_says_which_and_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.commands.worker._show_in_process_list", lambda title: None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("LEADFLOW_WEB_PORT", str(port))
        ended, text = said(["worker", "--name", "w1"], capsys)
    assert ended == 1
    assert text.startswith(f"leadflow: LEADFLOW_WEB_PORT: 127.0.0.1:{port} cannot be listened on")
    assert "choose another port, or 0" in text
