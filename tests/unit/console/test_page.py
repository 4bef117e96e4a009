"""Parts of a page between marks."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from console.page import markdown_table, write_between_marks


def test_only_what_stands_between_the_marks_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- t: begin -->\nold\n<!-- t: end -->\nbehind\n")
    for _ in range(2):
        write_between_marks(page, "t", markdown_table(("a", "b"), [("1", "2 | 3")]))
        assert page.read_text() == (
            "before\n<!-- t: begin -->\n| a | b |\n| --- | --- |\n| 1 | 2 \\| 3 |\n<!-- t: end -->\nbehind\n"
        )


@pytest.mark.parametrize("text", ["nothing", "<!-- t: begin -->", "<!-- other: begin -->\n<!-- other: end -->"])
def test_a_page_without_the_marks_is_left_alone(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(click.ClickException, match="no <!-- t"):
        write_between_marks(page, "t", "table")
    assert page.read_text() == text
