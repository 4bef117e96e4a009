"""The client's side of SCRAM (RFC 5802, RFC 7677): both sides prove that they know the password, neither shows it.

Without channel binding, and with the password as UTF-8 as it is: Kafka does not normalise it by SASLprep either.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

ITERATIONS_MIN = 4096
"""RFC 7677's least, and Kafka's: fewer would let whoever listens to one log-in try passwords quickly."""

ITERATIONS_MAX = 1_000_000
"""Half a second to a second of work. Kafka makes 4,096 to 16,384; who asks for more than this wants to hold us up."""

MESSAGE_BYTES_MAX = 64 * 1024

_HEADER = b"n,,"
"""No channel binding, and nobody else to act for."""

_FIRST = re.compile(rb"r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9/+=]+),i=([1-9][0-9]{0,9})(?:,.*)?", re.DOTALL)
_FINAL = re.compile(rb"v=([A-Za-z0-9/+=]+)(?:,.*)?", re.DOTALL)


class ScramProblem(Exception):
    """The other side does not keep to SCRAM, or cannot prove that it knows the password. No secret is in the text."""


class Scram:
    """One log-in: `first`, then `final`, then `check`, each once. Pure but for the hashing, which `final` takes."""

    def __init__(self, digest: str, user: str, password: str, nonce: str) -> None:
        """`digest` as hashlib names it; `nonce` fresh for each log-in: printable ASCII without a comma."""
        self._digest = digest
        self._password = password.encode()
        self._nonce = nonce.encode("ascii")
        name = user.replace("=", "=3D").replace(",", "=2C").encode()
        self._first = b"n=" + name + b",r=" + self._nonce
        self._server_signature = b""

    def first(self) -> bytes:
        """Return the client's first message: who we are, and our half of the nonce."""
        return _HEADER + self._first

    def final(self, server_first: bytes) -> bytes:
        """Return the client's last message, with our proof. Raises ScramProblem."""
        nonce, salt, iterations = self._parts(server_first)
        salted = hashlib.pbkdf2_hmac(self._digest, self._password, salt, iterations)
        without_proof = b"c=" + base64.b64encode(_HEADER) + b",r=" + nonce
        said = b",".join((self._first, server_first, without_proof))
        client_key = self._hmac(salted, b"Client Key")
        stored_key = hashlib.new(self._digest, client_key).digest()
        proof = bytes(a ^ b for a, b in zip(client_key, self._hmac(stored_key, said), strict=True))
        self._server_signature = self._hmac(self._hmac(salted, b"Server Key"), said)
        return without_proof + b",p=" + base64.b64encode(proof)

    def check(self, server_final: bytes) -> None:
        """Believe that the other side knows the password. Raises ScramProblem when it does not prove it."""
        found = _FINAL.fullmatch(server_final)
        if not found or not self._server_signature:
            raise ScramProblem("its last message is not one of SCRAM")
        if not hmac.compare_digest(_decoded(found[1]), self._server_signature):
            raise ScramProblem("it does not prove that it knows the password: it is not the cluster it says it is")

    def _parts(self, server_first: bytes) -> tuple[bytes, bytes, int]:
        """Return nonce, salt and iterations of the server's first message."""
        found = _FIRST.fullmatch(server_first) if len(server_first) <= MESSAGE_BYTES_MAX else None
        if not found:
            raise ScramProblem("its first message is not one of SCRAM")
        nonce, salt, iterations = found[1], _decoded(found[2]), int(found[3])
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce):
            raise ScramProblem("it answers another log-in than ours")
        if not ITERATIONS_MIN <= iterations <= ITERATIONS_MAX:
            raise ScramProblem(f"it asks for {iterations} iterations, expected {ITERATIONS_MIN} to {ITERATIONS_MAX}")
        return nonce, salt, iterations

    def _hmac(self, key: bytes, text: bytes) -> bytes:
        return hmac.digest(key, text, self._digest)


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ScramProblem("its message is not one of SCRAM") from None
