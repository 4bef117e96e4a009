"""SCRAM by the vectors of its RFCs, and what a dishonest other side may not get away with."""

from __future__ import annotations

import base64
import time

import pytest

from streams.kafka.scram import ITERATIONS_MAX, ITERATIONS_MIN, Scram, ScramProblem

#: Digest, our nonce, the server's first message, our last, the server's last: RFC 5802 and RFC 7677, their examples.
RFC_5802 = (
    "sha1",
    "fyko+d2lbbFgONRv9qkxdawL",
    b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
)
RFC_7677 = (
    "sha256",
    "rOprNGfwEbeRWgbNEkqO",
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
)


def begun() -> Scram:
    return Scram("sha256", "user", "pencil", RFC_7677[1])


@pytest.mark.parametrize(("digest", "nonce", "server_first", "final", "server_final"), [RFC_5802, RFC_7677])
def test_the_rfcs_own_log_ins(digest: str, nonce: str, server_first: bytes, final: bytes, server_final: bytes) -> None:
    scram = Scram(digest, "user", "pencil", nonce)
    assert scram.first() == b"n,,n=user,r=" + nonce.encode()
    assert scram.final(server_first) == final
    scram.check(server_final)
    scram.check(server_final + b",x=an extension")


def test_commas_and_equals_signs_of_a_user_are_written_so_that_they_are_none() -> None:
    assert Scram("sha256", "a=b,c", "p", "n").first() == b"n,,n=a=3Db=2Cc,r=n"


@pytest.mark.parametrize(
    "server_final",
    [
        b"v=" + base64.b64encode(b"\0" * 32),
        b"v=" + RFC_7677[4][3:],
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        b"v=",
        b"",
        b"e=invalid-proof",
        b"V" + RFC_7677[4][1:],
    ],
)
def test_who_does_not_prove_to_know_the_password_is_refused(server_final: bytes) -> None:
    scram = begun()
    scram.final(RFC_7677[2])
    with pytest.raises(ScramProblem):
        scram.check(server_final)


def test_a_proof_before_the_question_is_none() -> None:
    with pytest.raises(ScramProblem):
        begun().check(RFC_7677[4])


@pytest.mark.parametrize("iterations", [1, ITERATIONS_MIN - 1, ITERATIONS_MAX + 1, 2**31, 9_999_999_999])
def test_iterations_out_of_bounds_are_refused_before_any_work(iterations: int) -> None:
    began = time.process_time()
    with pytest.raises(ScramProblem, match=str(iterations)):
        begun().final(RFC_7677[2].replace(b"i=4096", f"i={iterations}".encode()))
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    "server_first",
    [
        b"",
        b"r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096",
        b"r=another+nonce,s=W22Z,i=4096",
        RFC_7677[2].replace(b"i=4096", b"i=-4096"),
        RFC_7677[2].replace(b"i=4096", b"i=04096"),
        RFC_7677[2].replace(b"i=4096", b"i=99999999999"),
        RFC_7677[2].replace(b"s=W22ZaJ0SNY7soEsUEjb6gQ==", b"s=W22"),
        RFC_7677[2].replace(b"s=W22ZaJ0SNY7soEsUEjb6gQ==", b"s="),
        b"m=must be understood," + RFC_7677[2],
        RFC_7677[2] + b"," + b"x" * 100_000,
        b"\xff\x00" * 40,
    ],
)
def test_a_first_message_that_is_none_is_refused(server_first: bytes) -> None:
    with pytest.raises(ScramProblem) as caught:
        begun().final(server_first)
    assert "pencil" not in str(caught.value)


def test_a_log_in_does_not_show_its_password() -> None:
    scram = begun()
    scram.final(RFC_7677[2])
    assert "pencil" not in repr(scram) + str(scram)
