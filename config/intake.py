"""The pause of intake on one machine: a file in the data folder, written by the supervisor, obeyed by workers.

While it exists no lead is taken from `leads.received` and no file is imported; leads wait in the log, everything
behind intake goes on. It is a file, because it is needed exactly when writing to Kafka should stop.
"""

from __future__ import annotations

from pathlib import Path

PAUSE_FILE = "intake.paused"


def pause_reason(data: Path) -> str | None:
    """Return why intake is paused, or None while it is open. A look costs a few microseconds."""
    try:
        return (data / PAUSE_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return None


def pause_intake(data: Path, reason: str) -> None:
    """Pause intake of all workers of this data folder; `reason` is for people.

    On a disk without a free block the reason may get lost, the pause does not: an empty file needs no block.
    """
    try:
        (data / PAUSE_FILE).write_text(reason + "\n", encoding="utf-8")
    except OSError:
        (data / PAUSE_FILE).touch()


def open_intake(data: Path) -> None:
    """End the pause; nothing happens when there is none."""
    (data / PAUSE_FILE).unlink(missing_ok=True)
