"""Logs for people and machines alike: one line a fact, with time, level, place, what happened and its fields.

    2026-11-22T18:40:01.123Z WARNING streams.engine an epoch is redone cause=EpochLost records=120

Ids of leads may stand in a log; a person's value never does. So records show no person in their repr, and of an
error that is not ours only the type and the place are shown: its text may quote a value.
"""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

#: Our packages, each the root of its loggers, and the name that Kafka's clients and watchdogs log under.
ROOTS = ("agents", "tables", "streams", "schemas", "config", "console", "leadflow")

#: Errors defined in these modules carry no value of a record in their text.
_OWN_ERRORS = ("schemas.", "config.", "streams.", "tables.", "agents.", "console.")

FRAMES_MAX = 12
FIELD_CHARACTERS_MAX = 300


def configure_logs(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logs to `stream` (default: standard error); ours from `level` on, others' from WARNING on.

    Safe to call again: the last call holds.
    """
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ROOTS:
        logging.getLogger(name).setLevel(level)


def logging_config(level: str = "INFO") -> dict[str, Any]:
    """Return what `configure_logs` does, on standard error, as a configuration for `logging.config.dictConfig`.

    For programs that set up logging themselves and would show the text of foreign errors: Faust's command line.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"{__name__}.{LineFormatter.__name__}"}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.__stderr__"},
        },
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {name: {"level": level} for name in ROOTS},
    }


def fact(log: logging.Logger, level: int, event: str, **fields: object) -> None:
    """Log one fact: what happened in a few constant words, and its numbers, ids and codes."""
    log.log(level, event, extra={"fields": fields})


class LineFormatter(logging.Formatter):
    """One line a fact; an error's place follows in brackets, innermost first."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fields: dict[str, Any] = getattr(record, "fields", {})
        parts = [time, f"{record.levelname:<7}", record.name, record.getMessage()]
        parts += [f"{name}={_shown(value)}" for name, value in fields.items()]
        if record.exc_info and record.exc_info[1] is not None:
            parts.append(described(record.exc_info[1], record.exc_info[2]))
        return " ".join(parts).replace("\n", " | ")


def described(error: BaseException, place: TracebackType | None = None) -> str:
    """Return an error's type, its text if it is ours, and the lines of code that it came through."""
    frames = traceback.extract_tb(place if place is not None else error.__traceback__)[-FRAMES_MAX:]
    where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{named(error)} [{where}]" if where else named(error)


def named(error: BaseException) -> str:
    """Return an error's type, and its text if it is ours."""
    own = f"{type(error).__module__}.".startswith(_OWN_ERRORS)
    return f"{type(error).__name__}: {error}" if own else type(error).__name__


def _shown(value: object) -> str:
    text = str(value)[:FIELD_CHARACTERS_MAX]
    return repr(text) if not text or any(character.isspace() or character == '"' for character in text) else text
