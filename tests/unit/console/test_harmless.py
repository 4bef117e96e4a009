"""What came from outside is shown as text: no brackets are taken for markup, and no sign steers the terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.text import Text

from console.cli import main
from console.harmless import harmless
from console.screen import screen, table

CLEAR_SCREEN = "\x1b[2J"
STEERING = f"NY{CLEAR_SCREEN}\x07\x9b31m\u202e\r"


def test_signs_that_steer_a_terminal_are_made_visible() -> None:
    assert harmless(STEERING) == "NY\ufffd[2J\ufffd\ufffd31m\ufffd\ufffd"


def test_any_other_text_stays_as_it_is() -> None:
    text = "Zoë\tMüller, 東京\n[bold] 'O''Brien' \U0001f600"
    assert harmless(text) == text


def test_the_screen_shows_values_from_outside_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    console = screen()
    console.print("leads of [May].csv: not used: [/b], [red]id")
    shown = table("column", "row 1")
    shown.add_row("[/state]", STEERING)
    shown.add_row(Text("city"), Text(STEERING))
    console.print(shown)
    said = capsys.readouterr().out
    assert "leads of [May].csv: not used: [/b], [red]id" in said
    assert "[/state]" in said
    assert said.count("\ufffd[2J") == 2
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_no_module_asks_the_screen_for_markup() -> None:
    style = re.compile(r"\[/?(bold|dim|italic|red|green|yellow)\b")
    modules = Path(screen.__code__.co_filename).parent.rglob("*.py")
    assert [path.name for path in modules if style.search(path.read_text(encoding="utf-8"))] == []


def test_an_error_that_quotes_a_file_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([f"plan{CLEAR_SCREEN}"])
    assert "\x1b" not in capsys.readouterr().err
