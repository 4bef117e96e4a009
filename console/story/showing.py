"""Puts a story on the screen: headings, and lines with their labels in a column."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from console.story.telling import Section

LABEL_MIN, LABEL_MAX = 9, 26


def show(console: Console, sections: Iterable[Section]) -> None:
    """Print the sections in order; texts are never taken for markup."""
    for section in sections:
        console.print(Text(section.title, style="bold"))
        width = max([LABEL_MIN, *(len(line.label) for line in section.lines)])
        lines = Table.grid(padding=(0, 1))
        lines.add_column(width=1)
        lines.add_column(style="dim", no_wrap=True, width=min(width, LABEL_MAX))
        lines.add_column(overflow="fold")
        for line in section.lines:
            lines.add_row("", Text(line.label), Text(line.text))
        console.print(lines)
