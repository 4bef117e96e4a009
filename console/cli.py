"""The `leadflow` command. A subcommand's module is imported when it is called, so that start-up stays fast.

To add a command: write `console/commands/<name>.py` with a click command named `command`, and add a line below.
"""

from __future__ import annotations

import importlib
import keyword
import os
import sys
import textwrap
from difflib import get_close_matches

import click

from console.harmless import harmless
from schemas.errors import LeadflowError

COMMANDS: dict[str, str] = {
    "demo": "Watch leads flow from a file to buyers, with a crash on the way",
    "test": "Pass the project's tests",
    "up": "Run everything on this machine and stay up",
    "down": "Stop what `up` runs",
    "status": "Show parts, workers, readiness, pauses, and what waits",
    "settings": "Print all settings and where each comes from",
    "topics": "Create, check or list the topics",
    "worker": "Run one worker",
    "acls": "Print the permissions that a role needs at Kafka",
    "plan": "Check, compare, apply or show the distribution plan",
    "pause": "Stop selling to, or taking from, one party",
    "resume": "End a pause",
    "import": "Bring in the leads of a CSV file",
    "lead": "Tell the whole story of a lead",
    "buyer": "Show buyers, their caps and what they have not read",
    "tail": "Follow a topic, decoded and masked",
    "dead": "Show and retry records that could not be processed",
    "repair": "Settle a partition whose state and offsets disagree",
    "audit": "Recompute the invariants from the topics",
    "simulate": "Run everything in memory, seed by seed, with every fault",
    "bench": "Measure CPU and latency of a lead",
    "faults": "Bring faults about under load, and judge",
}
"""Name and one-line help, in the order of `leadflow --help`."""

VERSION = "0.1.0"
"""That of pyproject.toml, which a test compares; reading installed metadata costs more than the rest of start-up."""

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130
WIDTH_MAX = 80


def module_name(command: str) -> str:
    """Return the module of a command; a Python keyword gets an underscore (`import` lives in `import_`)."""
    name = command.replace("-", "_")
    return f"console.commands.{name}_" if keyword.iskeyword(name) else f"console.commands.{name}"


class LazyGroup(click.Group):
    """A group whose commands are known by name and help before any of them is imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and return its command; None for a name that is not in the table."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(module_name(cmd_name)).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module_name(cmd_name)}.command is not a click command")
        command.name = cmd_name
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command by its name; of one that is not there, say which it may have been."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            close = get_close_matches(args[0], COMMANDS, n=3)
            hint = f"did you mean {' or '.join(close)}?" if close else "`leadflow --help` lists them"
            ctx.fail(f"there is no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(version=VERSION, prog_name="leadflow")
def cli() -> None:
    """Exact lead distribution over Kafka.

    No cap passed, no right sold twice, no lead lost, every decision explained. Start with `leadflow demo`.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0, 1 for a failure, 2 for wrong use, 70/75/78 as in `schemas.errors`."""
    try:
        code = cli.main(arguments, prog_name="leadflow", standalone_mode=False)
    except click.ClickException as error:
        _show(error)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader (head, less) has seen enough
        sys.exit(0)
    except Exception as error:
        if not _is_for_people(error):
            raise
        _say(str(error))
        sys.exit(getattr(error, "exit_code", EXIT_FAILURE))
    sys.exit(code if isinstance(code, int) else 0)


def _show(error: click.ClickException) -> None:
    """Say what is wrong; where the command was written wrongly, how it is written, too, and where it is half, all."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return
    if isinstance(error, click.UsageError) and error.ctx and not _is_wrong_value(error):
        click.echo(f"{error.ctx.get_usage()}\n", err=True)
    _say(error.format_message())


def _is_wrong_value(error: click.UsageError) -> bool:
    return isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter)


def _say(message: str) -> None:
    """Print an error on standard error, in the lines that it has; a terminal gets none that breaks within a word."""
    lines = harmless(f"leadflow: {message}").split("\n")
    if sys.stderr.isatty():
        width = min(WIDTH_MAX, os.get_terminal_size(sys.stderr.fileno()).columns or WIDTH_MAX)
        lines = [part for line in lines for part in wrapped(line, width)]
    click.echo("\n".join(lines), err=True)


def wrapped(line: str, width: int) -> list[str]:
    """Break a line between words, what follows two columns further in; a word that is wider stays whole."""
    indent = line[: len(line) - len(line.lstrip(" "))]
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    ) or [line]


def _is_for_people(error: Exception) -> bool:
    """Tell whether an error's message is all that a person needs: ours, and those that name their exit code.

    Bad settings and plans have errors of their own above `schemas`; asking for the attribute spares importing them.
    """
    return isinstance(error, LeadflowError) or isinstance(getattr(error, "exit_code", None), int)
