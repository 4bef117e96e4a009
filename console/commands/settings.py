"""`leadflow settings`: all settings of this process, and where each comes from."""

from __future__ import annotations

import os

import click
from rich.text import Text

from config.settings import load_settings
from config.settings_shown import settings_table, shown_settings
from console.screen import hanging, screen, table


@click.command()
@click.option("--help-all", "explain", is_flag=True, help="Say what each setting is and what it may be.")
def command(explain: bool) -> None:
    """Print all settings and where each comes from.

    A setting is an environment variable; what is not set comes from the running cluster of LEADFLOW_DATA, else from
    its default. Secrets are stars. Wrong settings are named, all at once.
    """
    console = screen()
    if explain:
        for row in settings_table():
            words = f"{row.values}; default {row.default or '(none)'}"
            console.print(Text.assemble(row.variable, "  ", (words, "dim")))
            hanging(console, " " * 4, Text(row.doc))
        return
    shown = table("setting", "value", "from")
    shown.columns[0].no_wrap = True  # a name in two pieces cannot be copied
    for one in shown_settings(load_settings(os.environ)):
        shown.add_row(one.variable, one.value or "-", one.origin)
    console.print(shown)
