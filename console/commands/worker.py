"""`leadflow worker`: run one worker in this process."""

from __future__ import annotations

import sys

import click

TITLE_BYTES_MAX = 15
"""What Linux keeps of a thread's name."""


@click.command()
@click.option("--name", required=True, metavar="NAME", help="This worker's slot, such as w1: unlike any other's.")
def command(name: str) -> None:
    """Run one worker until it is told to stop.

    Its name is a stable slot: a worker that comes back under it takes up where it was. Exit codes: 70 start it
    again at once, 75 another process works under this name, 78 a person is needed.
    """
    _show_in_process_list(f"leadflow {name}")
    from agents.start import main

    sys.exit(main(name))


def _show_in_process_list(title: str) -> None:
    """Let `top` and `ps -o comm` tell workers apart; Linux alone has the call, and failing it harms nobody."""
    if sys.platform == "linux":
        import ctypes

        pr_set_name = 15
        ctypes.CDLL(None).prctl(pr_set_name, title.encode()[:TITLE_BYTES_MAX], 0, 0, 0)
