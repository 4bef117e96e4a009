"""A broker's answers to SaslHandshake and SaslAuthenticate, as bytes, and a broker that gives those it was told to."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field


def handshake(error: int = 0, offered: tuple[str, ...] = ()) -> bytes:
    """Return an answer to SaslHandshake."""
    names = b"".join(struct.pack(">h", len(name)) + name.encode() for name in offered)
    return struct.pack(">hi", error, len(offered)) + names


def step(message: bytes = b"", *, error: int = 0, told: str | None = None, lifetime_ms: int = 0) -> bytes:
    """Return an answer to SaslAuthenticate."""
    text = struct.pack(">h", -1) if told is None else struct.pack(">h", len(told)) + told.encode()
    return struct.pack(">h", error) + text + struct.pack(">i", len(message)) + message + struct.pack(">q", lifetime_ms)


@dataclass
class Broker:
    """Answers as told, and remembers what it was asked."""

    answers: list[bytes | Exception]
    asked: list[tuple[int, int, bytes]] = field(default_factory=list)

    def __call__(self, api_key: int, version: int, body: bytes, /) -> bytes:
        self.asked.append((api_key, version, body))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer
