"""Tokens of OAUTHBEARER: got from the provider by client id and secret (RFC 6749 section 4.4), shown to the broker.

Each connection has a token of its own: there are few of them, and the broker ends each with its token (KIP-368).
"""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Mapping
from http import HTTPStatus

import httpx

from config.security_options import CLIENT_ID, CLIENT_SECRET, ENDPOINT, extensions, option
from schemas.errors import NeedsPerson, Unavailable
from streams.kafka.tls import https_context

TIMEOUT_S = 3.0
"""For the whole answer; a connection to a broker has not longer itself."""

ANSWER_BYTES_MAX = 64 * 1024
CHAIN_MAX = 8
REFUSED_ANSWER = b"\x01"
"""What a client says to a broker that has refused its token, RFC 7628 section 3.2.3."""

_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
"""Refusals that say: try again."""

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


def first_message(security: Mapping[str, str]) -> bytes:
    """Return what a client says first: a new token, and the extensions of KIP-342. Blocks up to TIMEOUT_S.

    Raises NeedsPerson where the provider refuses us or cannot be trusted, Unavailable where it does not answer.
    """
    pairs = [f"auth=Bearer {_token(security)}", *(f"{name}={value}" for name, value in extensions(security).items())]
    return "\x01".join(["n,,", *pairs, "", ""]).encode()


def _token(security: Mapping[str, str]) -> str:
    """Return a token from the provider, which is asked once."""
    url = option(security, ENDPOINT)
    status, body = _post(url, security)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _LATER:
        raise NeedsPerson(f"{ENDPOINT} refuses us ({status}{_error(body)}); check client id, secret and scope")
    if status != HTTPStatus.OK:
        raise Unavailable(f"{ENDPOINT} answers {status}")
    token = _member(body, "access_token")
    if not _TOKEN.fullmatch(token):
        raise NeedsPerson(f"{ENDPOINT} gives no token: it is not the endpoint of an OAuth provider")
    return token


def _post(url: str, security: Mapping[str, str]) -> tuple[int, bytes]:
    """Ask as librdkafka does: id and secret as HTTP's own credentials, the rest as a form."""
    form = {"grant_type": "client_credentials"}
    if scope := option(security, "sasl.oauthbearer.scope"):
        form["scope"] = scope
    who = (option(security, *CLIENT_ID), option(security, *CLIENT_SECRET))
    deadline = time.monotonic() + TIMEOUT_S
    try:
        with (
            httpx.Client(verify=https_context(security), timeout=TIMEOUT_S, auth=who) as client,
            client.stream("POST", url, data=form, headers={"Accept": "application/json"}) as answer,
        ):
            return answer.status_code, _read(answer, deadline)
    except httpx.TransportError as error:
        if why := _unverified(error):
            raise NeedsPerson(f"{ENDPOINT} is not to be trusted: {why}; see https.ca.location") from None
        raise Unavailable(f"{ENDPOINT} does not answer: {type(error).__name__}") from None
    except httpx.InvalidURL:
        raise NeedsPerson(f"{ENDPOINT} is not a URL") from None


def _read(answer: httpx.Response, deadline: float) -> bytes:
    body = b""
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > ANSWER_BYTES_MAX or time.monotonic() > deadline:
            raise Unavailable(f"{ENDPOINT} answers too much or too slowly")
    return body


def _error(body: bytes) -> str:
    """Return the provider's code of error, one of a few words (RFC 6749 section 5.2); its prose may hold anything."""
    code = _member(body, "error")
    return f", {code}" if re.fullmatch(r"[a-z_]{1,40}", code) else ""


def _member(body: bytes, name: str) -> str:
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, str) else ""


def _unverified(error: BaseException) -> str:
    """Return why the endpoint's certificate was refused, "" when it was not; httpx hides it in the chain of causes."""
    seen: BaseException | None = error
    for _ in range(CHAIN_MAX):
        if isinstance(seen, ssl.SSLCertVerificationError):
            return seen.verify_message.rstrip(".")
        if seen is None:
            break
        seen = seen.__cause__ or seen.__context__
    return ""
