"""Logging in at a broker that answers as it is told to: what is sent, what each answer means, what is never said."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass, field

import pytest

from schemas.errors import NeedsPerson, Unavailable
from streams.kafka.sasl import authenticate
from tests.unit.streams.sasl_answers import Broker, handshake, step

PASSWORD = "open sesame"
HOST = "broker-1:9093"


def security(mechanism: str) -> dict[str, str]:
    return {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": mechanism,
        "sasl.username": "leadflow",
        "sasl.password": PASSWORD,
    }


@dataclass
class ScramBroker:
    """Knows a password, and does SCRAM-SHA-256 with it."""

    password: str
    lifetime_ms: int = 0
    said: list[bytes] = field(default_factory=list)

    def __call__(self, api_key: int, version: int, body: bytes, /) -> bytes:
        if api_key == 17:
            return handshake()
        self.said.append(body[4:])
        if len(self.said) == 1:
            nonce = body.rpartition(b"r=")[2]
            self.said.append(b"r=" + nonce + b"more,s=" + base64.b64encode(b"salt") + b",i=4096")
            return step(self.said[1])
        without_proof = body[4:].partition(b",p=")[0]
        said = b",".join((self.said[0][3:], self.said[1], without_proof))
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), b"salt", 4096)
        key = hmac.digest(salted, b"Server Key", "sha256")
        return step(b"v=" + base64.b64encode(hmac.digest(key, said, "sha256")), lifetime_ms=self.lifetime_ms)


def test_without_sasl_nothing_is_said() -> None:
    broker = Broker([])
    assert authenticate(broker, {"security.protocol": "SSL"}, HOST) == 0
    assert authenticate(broker, {}, HOST) == 0
    assert broker.asked == []


def test_plain_says_who_we_are_in_one_message() -> None:
    broker = Broker([handshake(0, ("PLAIN",)), step(lifetime_ms=90_000)])
    assert authenticate(broker, security("PLAIN"), HOST) == 90_000
    said = b"\0leadflow\0open sesame"
    assert broker.asked == [(17, 1, b"\x00\x05PLAIN"), (36, 1, struct.pack(">i", len(said)) + said)]


def test_scram_lets_in_a_broker_that_knows_the_password_and_sends_it_none() -> None:
    broker = ScramBroker(PASSWORD, lifetime_ms=60_000)
    assert authenticate(broker, security("SCRAM-SHA-256"), HOST) == 60_000
    assert PASSWORD.encode() not in b"".join(broker.said)
    again = ScramBroker(PASSWORD)
    authenticate(again, security("SCRAM-SHA-256"), HOST)
    assert again.said[0] != broker.said[0], "each log-in has a nonce of its own"


def test_a_broker_that_knows_another_password_is_not_trusted() -> None:
    with pytest.raises(NeedsPerson, match=rf"{HOST}.*does not prove") as caught:
        authenticate(ScramBroker("guessed"), security("SCRAM-SHA-256"), HOST)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([handshake(33, ("PLAIN", "SCRAM-SHA-256"))], "does not offer SCRAM-SHA-512 .*PLAIN, SCRAM-SHA-256"),
        ([handshake(33)], "none"),
        ([handshake(34)], "security.protocol"),
        ([handshake(), step(error=58, told="Authentication failed")], r"\(Authentication failed\).*credentials"),
        ([handshake(), step(error=58)], "credentials"),
        ([handshake(), step(b"r=,s=,i=1")], "SCRAM"),
    ],
)
def test_what_a_person_must_mend_is_said(answers: list[bytes | Exception], words: str) -> None:
    with pytest.raises(NeedsPerson, match=f"{HOST}.*{words}"):
        authenticate(Broker(answers), security("SCRAM-SHA-512"), HOST)


@pytest.mark.parametrize(
    "answers",
    [
        [handshake(-1)],
        [b""],
        [handshake(33, ("PLAIN",))[:-2]],
        [handshake(), step(error=16)],
        [handshake(), step()[:-1]],
        [handshake(), struct.pack(">hhi", 0, -1, 2**31 - 1)],
        [handshake(), b"\0"],
    ],
)
def test_an_answer_that_cannot_be_read_is_no_log_in(answers: list[bytes | Exception]) -> None:
    with pytest.raises(Unavailable, match=HOST):
        authenticate(Broker(answers), security("PLAIN"), HOST)


@pytest.mark.parametrize("before", [[], [handshake()]])
def test_a_line_that_breaks_is_the_exchanges_own_error(before: list[bytes | Exception]) -> None:
    with pytest.raises(ConnectionResetError):
        authenticate(Broker([*before, ConnectionResetError()]), security("PLAIN"), HOST)


def test_what_a_broker_says_is_short_in_one_line_and_without_our_password() -> None:
    told = f"no user leadflow\nwith {PASSWORD}\x1b[31m" + "x" * 1000
    with pytest.raises(NeedsPerson) as caught:
        authenticate(Broker([handshake(), step(error=58, told=told)]), security("PLAIN"), HOST)
    text = str(caught.value)
    assert PASSWORD not in text
    assert text.isprintable()
    assert len(text) < 400
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
