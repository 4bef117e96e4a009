"""A record of any topic as a person may see it: its kind, its key, its fields, persons masked unless asked."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from console.masking import shown
from console.screen import utc
from schemas.codec import Codec
from schemas.errors import LeadflowError
from schemas.topics import RECEIVED, dead_topic
from streams.stage import Message


class Shown(NamedTuple):
    """What may be shown of a record; `fields` is empty for a tombstone and for bytes that cannot be read."""

    place: str
    time_ms: int
    kind: str
    key: str
    fields: dict[str, Any]


def show(message: Message, codec: Codec, *, unmask: bool) -> Shown:
    """Decode one record; bytes that cannot be decoded are said so, never raised."""
    place = f"{message.topic}-{message.partition}@{message.offset}"
    kind, fields = _content(message, codec, unmask=unmask)
    return Shown(place, message.timestamp_ms, kind, _key(message, unmask=unmask), fields)


def _content(message: Message, codec: Codec, *, unmask: bool) -> tuple[str, dict[str, Any]]:
    if message.value is None:
        return "(removed)", {}
    try:
        record = codec.decode(message.value)
    except LeadflowError as error:
        return f"(unreadable: {error})", {}
    return type(record).__name__, shown(record, unmask=unmask)


def _key(message: Message, *, unmask: bool) -> str:
    """Return the key as text. Keys that upstream chose may be a person's mail address, so they are masked."""
    if message.key is None:
        return ""
    if message.topic in (RECEIVED, dead_topic(RECEIVED)) and not unmask:
        return f"({len(message.key)} bytes)"
    return message.key.decode("utf-8", "backslashreplace").replace("\x00", " ").strip()


def as_json(shown_: Shown) -> str:
    """Return one line of JSON."""
    return json.dumps(
        {"at": shown_.place, "time_ms": shown_.time_ms, "record": shown_.kind, "key": shown_.key, **shown_.fields},
        ensure_ascii=False,
    )


def as_text(fields: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return (name, value) lines; nested fields are named with dots, empty ones left out."""
    lines: list[tuple[str, str]] = []
    for name, value in fields.items():
        if isinstance(value, dict):
            lines += as_text(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            for number, item in enumerate(value):
                nested = item if isinstance(item, dict) else {str(number): item}
                lines += as_text(nested, f"{prefix}{name}.{number}." if isinstance(item, dict) else f"{prefix}{name}.")
        elif value not in (None, ""):
            lines.append((prefix + name, _words(name, value)))
    return lines


def _words(name: str, value: Any) -> str:
    is_time = isinstance(value, int) and not isinstance(value, bool)
    if is_time and (name.endswith(("_at", "_by")) or name in ("at", "until")) and value > 0:
        return utc(value)
    return str(value)
