"""A broker with listeners that let nobody in who does not say who he is, and connections to it without librdkafka."""

from __future__ import annotations

import base64
import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import admin as _admin

from console.cluster.ports import HOST, free_ports
from console.faults.brokers import Listener, OpenKafka
from streams.kafka.sasl import authenticate
from streams.kafka.tls import refusal, shake_hands, tls_context
from tests.support.certificates import Authority

admin: Any = _admin  # its type stubs leave out what its page names

USER, PASSWORD, KEY_PASSWORD = "leadflow", "open, ses=ame", "locked"
LIMIT_S = 20.0
SESSION_MS = 3_000
"""What a log-in by SCRAM-SHA-512 lasts; another one is made at four fifths of it."""

API_VERSIONS = 18
JAAS = "org.apache.kafka.common.security"
OAUTH = f'{JAAS}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";'


class SecuredKafka(OpenKafka):
    """A broker with two more listeners: `sasl` (SASL_SSL, four mechanisms) and `mutual` (SSL, wants a certificate)."""

    sasl_port, mutual_port = 0, 0
    pki = Path()

    def make_certificates(self, folder: Path) -> None:
        """Make a CA, a stranger's, and what they sign; once, before the first start."""
        self.pki = folder
        ours, stranger = Authority(folder / "ours"), Authority(folder / "stranger")
        certificate, key = ours.sign("broker", names=f"IP:{HOST}")
        (folder / "ours" / "broker-store.pem").write_text(key.read_text() + certificate.read_text(), encoding="utf-8")
        ours.sign("client", password=KEY_PASSWORD)
        stranger.sign("client", password=KEY_PASSWORD)

    def secured(self, mechanism: str, **changes: str) -> dict[str, str]:
        """Return the security file of who is let in by SASL; a change is named with underscores for dots."""
        own = {
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(self.pki / "ours" / "ca.pem"),
            "sasl.mechanism": mechanism,
            "sasl.username": USER,
            "sasl.password": PASSWORD,
        }
        return own | {name.replace("_", "."): value for name, value in changes.items()}

    def mutual(self, whose: str = "ours") -> dict[str, str]:
        """Return the security file of who shows a certificate."""
        return {
            "security.protocol": "ssl",
            "ssl.ca.location": str(self.pki / "ours" / "ca.pem"),
            "ssl.certificate.location": str(self.pki / whose / "client.pem"),
            "ssl.key.location": str(self.pki / whose / "client.key"),
            "ssl.key.password": KEY_PASSWORD,
        }

    def add_scram_users(self, user: str = USER, password: str = PASSWORD) -> None:
        """Make a user known by both kinds of SCRAM, or give him another password; wait until the broker knows him."""
        plain = admin.AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        kinds = (admin.ScramMechanism.SCRAM_SHA_256, admin.ScramMechanism.SCRAM_SHA_512)
        for kind in kinds:  # Kafka takes one kind a request
            wanted = admin.UserScramCredentialUpsertion(user, admin.ScramCredentialInfo(kind, 4096), password.encode())
            plain.alter_user_scram_credentials([wanted])[user].result(LIMIT_S)
        deadline = time.monotonic() + LIMIT_S
        while len(plain.describe_user_scram_credentials([user])[user].result(LIMIT_S).scram_credential_infos) < len(
            kinds
        ):
            assert time.monotonic() < deadline, "the broker does not learn its SCRAM users"

    def _prepare(self) -> None:
        if not self.sasl_port:
            self.sasl_port, self.mutual_port = free_ports(2)
            ports = (("SASL", self.sasl_port, "SASL_SSL"), ("MUTUAL", self.mutual_port, "SSL"))
            self.listeners = [Listener(name, port, port, protocol) for name, port, protocol in ports]
        super()._prepare()

    def _own_settings(self) -> dict[str, str]:
        sasl = "listener.name.sasl"
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.pki / "ours" / "broker-store.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.pki / "ours" / "ca.pem"),
            "listener.name.mutual.ssl.client.auth": "required",
            f"{sasl}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
            f"{sasl}.plain.sasl.jaas.config": f'{JAAS}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
            f"{sasl}.oauthbearer.sasl.jaas.config": OAUTH,
            f"{sasl}.scram-sha-512.connections.max.reauth.ms": str(SESSION_MS),
            f"{sasl}.scram-sha-256.sasl.jaas.config": f"{JAAS}.scram.ScramLoginModule required;",
            f"{sasl}.scram-sha-512.sasl.jaas.config": f"{JAAS}.scram.ScramLoginModule required;",
        }


class Line:
    """A connection that does one thing after the other, as little as tests need."""

    def __init__(self, raw: socket.socket, host: str) -> None:
        self._raw, self._host, self._number = raw, host, 0

    def __call__(self, api_key: int, version: int, body: bytes, /) -> bytes:
        """Ask, and return the body of the answer. Raises OSError, or what a person must mend."""
        self._number += 1
        header = struct.pack(">hhih", api_key, version, self._number, -1)
        try:
            self._raw.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
            (size,) = struct.unpack(">i", self._exactly(4))
            answer = self._exactly(size)
        except OSError as error:
            raise (refusal(error, self._host) or error) from None
        assert struct.unpack(">i", answer[:4]) == (self._number,)
        return answer[4:]

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            if not (piece := self._raw.recv(size - len(found))):
                raise ConnectionResetError("the broker has closed the connection")
            found += piece
        return found


@contextmanager
def let_in(port: int, security: dict[str, str], *, host: str = HOST) -> Iterator[tuple[Line, int]]:
    """Give a connection that TLS and SASL are done on, and the ms for which the broker lets us in."""
    raw = socket.create_connection((HOST, port), timeout=LIMIT_S)
    if context := tls_context(security):
        raw = shake_hands(raw, context, host)
    with raw:
        line = Line(raw, f"{host}:{port}")
        yield line, authenticate(line, security, f"{host}:{port}")


def versions(line: Line) -> dict[int, tuple[int, int]]:
    """Return what the broker can do, by api key; it tells nobody who is not let in."""
    answer = line(API_VERSIONS, 0, b"")
    error, count = struct.unpack_from(">hi", answer)
    assert error == 0
    return {key: (low, high) for key, low, high in struct.iter_unpack(">hhh", answer[6 : 6 + 6 * count])}


def unsigned_token(now_s: int, life_s: int) -> str:
    """Return a token that nobody has signed, which a broker without a provider's keys takes."""
    parts = ({"alg": "none"}, {"sub": USER, "iat": now_s, "exp": now_s + life_s})
    header, claims = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{header}.{claims}."
