"""The command line is whole, quick, and what the documents say of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from console.cli import COMMANDS, cli, module_name
from tests.support.checkout import ROOT, tracked
from tests.support.command_line import wrong_with

HEAVY = ("pydantic", "confluent_kafka", "faust", "rich", "redis", "fastavro")
CODE = Path(module_name.__code__.co_filename).resolve().parents[1]

FENCED = re.compile(r"^```[a-z]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE_OR_INDENTED = re.compile(r"`([^`\n]+)`|^ {4}(.+)$", re.MULTILINE)
CALL = re.compile(r"^\s*(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\./)?leadflow ([a-z]+)((?: [^|#\n]*)?)", re.MULTILINE)


def called() -> list[tuple[str, str, str]]:
    """Return (where, command, the rest of the line) for each call in the documents' code."""
    found = []
    for path in tracked("*.md"):
        text = path.read_text(encoding="utf-8")
        pieces = [*FENCED.findall(text), *map("".join, INLINE_OR_INDENTED.findall(FENCED.sub("", text)))]
        found += [(path.name, name, rest) for piece in pieces for name, rest in CALL.findall(piece)]
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_command_is_there_and_says_what_it_does(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help


def options(command: click.Command, path: str) -> Iterator[tuple[str, click.Option]]:
    """Yield each option of a command and of what is below it, with how it is called."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield f"{path} {parameter.opts[0]}", parameter
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            below = command.get_command(click.Context(command), name)
            assert below is not None
            assert below.help, f"{path} {name}"
            yield from options(below, f"{path} {name}")


def test_every_option_says_what_it_does() -> None:
    found = list(options(cli, "leadflow"))
    assert len(found) > 50
    assert [call for call, option in found if not option.help] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_command_of_a_group_does_fits_in_its_line(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    if isinstance(command, click.Group):
        with click.Context(command, terminal_width=80) as ctx:
            listed = command.get_help(ctx).partition("Commands:")[2]
        assert listed
        assert "..." not in listed


def test_no_module_of_a_command_is_forgotten() -> None:
    files = {path.stem for path in (CODE / "console" / "commands").glob("*.py")} - {"__init__"}
    assert files == {module_name(name).rpartition(".")[2] for name in COMMANDS}


def test_help_imports_nothing_heavy() -> None:
    script = "\n".join(
        (
            "import sys",
            "from console.cli import main",
            "try: main(['--help'])",
            f"except SystemExit: print([name for name in {HEAVY} if name in sys.modules])",
        )
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(CODE)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_documented_calls_exist() -> None:
    calls = called()
    assert len({where for where, _, _ in calls}) > 5
    assert [
        f"{where}: leadflow {name}{rest}: {said}" for where, name, rest in calls if (said := wrong_with(name, rest))
    ] == []


@pytest.mark.parametrize(
    ("name", "rest", "said"),
    [
        ("fly", " --help", "there is no such command"),
        ("plan", " burn x.yaml", "there is no such command in the group"),
        ("up", " --plan x.yaml --fast", "unknown: --fast"),
        ("test", " --durations=3", ""),
        ("plan", " apply x.yaml --yes", ""),
    ],
)
def test_a_call_that_does_not_exist_would_be_seen(name: str, rest: str, said: str) -> None:
    assert wrong_with(name, rest) == said


def test_version_is_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "console", "--version"],
        env={**os.environ, "PYTHONPATH": str(CODE)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.startswith("leadflow, version ")


def test_the_launcher_is_executable() -> None:
    assert os.access(ROOT / "leadflow", os.X_OK)
