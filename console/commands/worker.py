"""`leadflow worker`: run one worker in this process."""

from __future__ import annotations

import os
import socket
import sys

import click

from config.settings import load_settings

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
    settings = load_settings({**os.environ, "LEADFLOW_NAME": name})
    _check_port(settings.web_host, settings.web_port)
    from agents.start import main

    sys.exit(main(name))


def _check_port(host: str, port: int) -> None:
    """End the command when the web port is taken: Faust says that in ten lines, after it has begun."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as error:
        raise click.ClickException(
            f"LEADFLOW_WEB_PORT: {host}:{port} cannot be listened on ({error.strerror}), perhaps because another "
            "worker does: choose another port, or 0 for any free one"
        ) from None


def _show_in_process_list(title: str) -> None:
    """Let `top` and `ps -o comm` tell workers apart; Linux alone has the call, and failing it harms nobody."""
    if sys.platform == "linux":
        import ctypes

        pr_set_name = 15
        ctypes.CDLL(None).prctl(pr_set_name, title.encode()[:TITLE_BYTES_MAX], 0, 0, 0)
