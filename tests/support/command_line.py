"""Asks the command line whether a call that is written somewhere is one of its own."""

from __future__ import annotations

import re

import click

from console.cli import COMMANDS, cli


def wrong_with(name: str, rest: str) -> str:
    """Return what is wrong with a call of the command line, nothing if it is right."""
    if name not in COMMANDS:
        return "there is no such command"
    command = cli.get_command(click.Context(cli), name)
    words = rest.split()
    while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z]+", words[0]):
        command = command.get_command(click.Context(command), words.pop(0))
    if command is None:
        return "there is no such command in the group"
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = set(re.findall(r"--[a-z][a-z-]*", rest)) - known - {"--help"}
    return f"unknown: {', '.join(sorted(unknown))}" if unknown and name != "test" else ""  # its arguments are pytest's
