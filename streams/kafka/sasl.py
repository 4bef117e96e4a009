"""SASL of our own connection to a broker: SaslHandshake names the mechanism, SaslAuthenticate carries its messages.

Layouts are those of Kafka's message definitions (KIP-43, KIP-152, KIP-368), each in its last version without tagged
fields. A broker that has begun a log-in answers nothing else on that connection before it has ended.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from config.security_options import (
    CLIENT_SECRET,
    OAUTHBEARER,
    PLAIN,
    SCRAM_256,
    SCRAM_512,
    mechanism,
    option,
    uses_sasl,
)
from schemas.errors import NeedsPerson, Unavailable
from streams.kafka.scram import Scram, ScramProblem

HANDSHAKE_KEY, HANDSHAKE_VERSION = 17, 1
AUTHENTICATE_KEY, AUTHENTICATE_VERSION = 36, 1

UNSUPPORTED_SASL_MECHANISM, ILLEGAL_SASL_STATE, SASL_AUTHENTICATION_FAILED = 33, 34, 58

TOLD_MAX = 200
"""Characters of what a broker says that are passed on."""

NONCE_BYTES = 24

_DIGESTS = {SCRAM_256: "sha256", SCRAM_512: "sha512"}


class Exchange(Protocol):
    """Sends a request and waits for its answer: the body behind the header, both ways. Raises when the line breaks."""

    def __call__(self, api_key: int, version: int, body: bytes, /) -> bytes:
        """Return the body of the answer. The request's header is the one without tagged fields."""


class _Step(NamedTuple):
    """What the broker answers to one message: its own, and for how long we are let in (0: for good)."""

    message: bytes
    lifetime_ms: int


_Say = Callable[[bytes], _Step]


def authenticate(exchange: Exchange, security: Mapping[str, str], host: str) -> int:
    """Log in on a new connection, by the options of the security file; nothing is said where they name no SASL.

    `host` is the broker as messages name it. Returns for how many ms the broker lets us in (KIP-368; 0: for good):
    it closes the connection at the first request after that, so another one must be made before.

    Raises:
        NeedsPerson: it does not let us in, or does not prove that it knows our password. No secret is in the text.
        Unavailable: what it says cannot be read, or nobody gives us a token; the connection is of no more use.
        Whatever `exchange` raises: the connection broke.
    """
    if not uses_sasl(security):
        return 0
    name = mechanism(security)
    _agree(exchange, name, host)

    def say(message: bytes) -> _Step:
        body = struct.pack(">i", len(message)) + message
        return _step(exchange(AUTHENTICATE_KEY, AUTHENTICATE_VERSION, body), security, host)

    return _MECHANISMS[name](say, security, host)


def _agree(exchange: Exchange, name: str, host: str) -> None:
    """Tell the broker which mechanism follows."""
    encoded = name.encode()
    body = struct.pack(">h", len(encoded)) + encoded
    answer = _Answer(exchange(HANDSHAKE_KEY, HANDSHAKE_VERSION, body), host)
    error = answer.number(">h")
    if error == UNSUPPORTED_SASL_MECHANISM:
        offered = ", ".join(sorted(answer.strings())) or "none"
        raise NeedsPerson(f"the broker at {host} does not offer {name} (sasl.mechanisms), but {offered}")
    if error == ILLEGAL_SASL_STATE:
        raise NeedsPerson(f"the broker at {host} wants no SASL at this port; see security.protocol and the port")
    if error:
        raise Unavailable(f"the broker at {host} answers SaslHandshake with error {error}")


def _step(body: bytes, security: Mapping[str, str], host: str) -> _Step:
    answer = _Answer(body, host)
    error, told, message = answer.number(">h"), answer.text(), answer.blob()
    if error == SASL_AUTHENTICATION_FAILED:
        raise NeedsPerson(
            f"the broker at {host} does not let us in by {mechanism(security)}{_shown(told, security)}; "
            "check the credentials in the security file"
        )
    if error:
        raise Unavailable(f"the broker at {host} answers SaslAuthenticate with error {error}")
    return _Step(message, max(0, answer.number(">q")))


def _shown(told: str, security: Mapping[str, str]) -> str:
    """Return what the broker says, in one line, short, and without a secret that it may repeat."""
    for name in ("sasl.password", *CLIENT_SECRET):
        if secret := option(security, name):
            told = told.replace(secret, "***")
    told = "".join(letter if letter.isprintable() else " " for letter in told[:TOLD_MAX])
    return f" ({told})" if told else ""


def _plain(say: _Say, security: Mapping[str, str], host: str) -> int:
    """RFC 4616."""
    user, password = option(security, "sasl.username"), option(security, "sasl.password")
    return say(f"\0{user}\0{password}".encode()).lifetime_ms


def _scram(say: _Say, security: Mapping[str, str], host: str) -> int:
    digest = _DIGESTS[mechanism(security)]
    user, password = option(security, "sasl.username"), option(security, "sasl.password")
    scram = Scram(digest, user, password, secrets.token_urlsafe(NONCE_BYTES))
    try:
        last = say(scram.final(say(scram.first()).message))
        scram.check(last.message)
    except ScramProblem as problem:
        raise NeedsPerson(f"the broker at {host} is not to be trusted: {problem}") from None
    return last.lifetime_ms


def _oauth(say: _Say, security: Mapping[str, str], host: str) -> int:
    """RFC 7628, KIP-255. A broker that refuses a token says why first, and fails when it is answered."""
    from streams.kafka.oauth import REFUSED_ANSWER, first_message  # loads httpx, which nobody else here needs

    step = say(first_message(security))
    if step.message:
        say(REFUSED_ANSWER)
        raise NeedsPerson(
            f"the broker at {host} does not take our token{_shown(step.message.decode('ascii', 'replace'), security)}"
        )
    return step.lifetime_ms


_MECHANISMS: Mapping[str, Callable[[_Say, Mapping[str, str], str], int]] = {
    PLAIN: _plain,
    SCRAM_256: _scram,
    SCRAM_512: _scram,
    OAUTHBEARER: _oauth,
}


class _Answer:
    """Reads an answer from its start on. Raises Unavailable beyond its end."""

    def __init__(self, body: bytes, host: str) -> None:
        self._body, self._host, self._at = body, host, 0

    def number(self, form: str) -> int:
        (number,) = struct.unpack(form, self._take(struct.calcsize(form)))
        return int(number)

    def text(self) -> str:
        return self._take(self.number(">h")).decode(errors="replace")

    def blob(self) -> bytes:
        return self._take(self.number(">i"))

    def strings(self) -> list[str]:
        return [self.text() for _ in range(self.number(">i"))]

    def _take(self, size: int) -> bytes:
        """Return the next bytes; none for null, whose size is -1."""
        end = self._at + max(size, 0)
        if end > len(self._body):
            raise Unavailable(f"the broker at {self._host} answers with fewer bytes than it says")
        taken, self._at = self._body[self._at : end], end
        return taken
