"""TLS by librdkafka's options, against a server that listens as a broker does: who is refused, and what is said."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.errors import NeedsPerson
from streams.kafka.tls import https_context, refusal, shake_hands, tls_context
from tests.support.certificates import Authority, openssl

HOST = "127.0.0.1"
LIMIT_S = 10.0
KEY_PASSWORD = "open sesame"


class Pki:
    """What the tests of this module need, made once: our CA, a stranger, certificates of brokers and of ours."""

    def __init__(self, folder: Path) -> None:
        self.ours, self.stranger = Authority(folder / "ours"), Authority(folder / "stranger")
        self.broker = self.ours.sign("broker", names=f"IP:{HOST}")
        self.expired = self.ours.sign("expired", names=f"IP:{HOST}", days="-1")
        self.client = self.ours.sign("client", password=KEY_PASSWORD)
        self.foreign = self.stranger.sign("foreign")
        self.none_revoked = self.stranger.revoke()
        self.revoked = self.ours.revoke(self.broker[0])


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[socket.socket]:
    """Give a socket whose other end `serve` has, in a thread that ends with the block."""
    ours, theirs = socket.socketpair()
    ours.settimeout(LIMIT_S)
    theirs.settimeout(LIMIT_S)

    def run() -> None:
        with theirs, contextlib.suppress(OSError):
            serve(theirs)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ours
    finally:
        ours.close()
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def broker(certificate: tuple[Path, Path], *, wants_from: Path | None = None) -> Callable[[socket.socket], None]:
    """Return a broker that says hello once TLS is there; `wants_from`: only to whom this CA has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    if wants_from:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(wants_from)

    def serve(raw: socket.socket) -> None:
        with context.wrap_socket(raw, server_side=True) as line:
            line.sendall(b"hello")
            line.recv(1)

    return serve


def hear(raw: socket.socket, security: dict[str, str], host: str = HOST) -> bytes:
    """Return what the broker says; a refusal is raised as a connection raises it."""
    context = tls_context({"security.protocol": "SSL", **security})
    assert context is not None
    with shake_hands(raw, context, host) as line:
        try:
            return line.recv(5)
        except OSError as error:
            raise (refusal(error, host) or error) from None


@pytest.mark.parametrize("protocol", ["", "PLAINTEXT", "sasl_plaintext"])
def test_without_tls_there_is_no_context(protocol: str) -> None:
    assert tls_context({"security.protocol": protocol, "ssl.ca.location": "no such file"}) is None


def test_a_broker_that_our_ca_has_signed_is_believed(pki: Pki) -> None:
    ca = pki.ours.certificate
    for security in (
        {"ssl.ca.location": str(ca)},
        {"ssl.ca.pem": ca.read_text()},
        {"ssl.cipher.suites": "ECDHE+AESGCM"},
    ):
        with listening(broker(pki.broker)) as raw:
            assert hear(raw, {"ssl.ca.location": str(ca), **security}) == b"hello"


def test_a_folder_of_cas_is_read_as_openssl_reads_it(pki: Pki, tmp_path: Path) -> None:
    with listening(broker(pki.broker)) as raw, pytest.raises(NeedsPerson, match=r"ssl\.ca\.location"):
        hear(raw, {"ssl.ca.location": str(tmp_path)})
    openssl("x509", "-in", pki.ours.certificate, "-subject_hash", "-noout", "-out", tmp_path / "hash")
    named = tmp_path / f"{(tmp_path / 'hash').read_text().strip()}.0"
    named.write_bytes(pki.ours.certificate.read_bytes())
    with listening(broker(pki.broker)) as raw:
        assert hear(raw, {"ssl.ca.location": str(tmp_path)}) == b"hello"


@pytest.mark.parametrize(
    ("security", "host", "words"),
    [
        ({"ssl.ca.location": "STRANGER"}, HOST, r"127\.0\.0\.1.*name the CA .* in ssl\.ca\.location"),
        ({"ssl.ca.pem": "STRANGER"}, HOST, r"ssl\.ca\.location"),
        ({}, HOST, r"ssl\.ca\.location"),
        ({"ssl.ca.location": "probe"}, HOST, r"ssl\.ca\.location"),
        ({"ssl.ca.location": "OURS"}, "127.0.0.2", r"127\.0\.0\.2.*advertised\.listeners"),
        ({"ssl.ca.location": "OURS"}, "kafka.example", r"kafka\.example.*advertised\.listeners"),
        ({"ssl.ca.location": "OURS", "ssl.crl.location": "REVOKED"}, HOST, "revoked"),
    ],
)
def test_a_broker_that_cannot_be_believed_is_refused(pki: Pki, security: dict[str, str], host: str, words: str) -> None:
    stranger, ours = pki.stranger.certificate, pki.ours.certificate
    known = {"STRANGER": str(stranger), "OURS": str(ours), "REVOKED": str(pki.revoked)}
    meant = {name: known.get(value, value) for name, value in security.items()}
    if "ssl.ca.pem" in meant:
        meant["ssl.ca.pem"] = stranger.read_text()
    with listening(broker(pki.broker)) as raw, pytest.raises(NeedsPerson, match=words):
        hear(raw, meant, host)


def test_an_expired_certificate_is_refused(pki: Pki) -> None:
    with listening(broker(pki.expired)) as raw, pytest.raises(NeedsPerson, match="expired"):
        hear(raw, {"ssl.ca.location": str(pki.ours.certificate)})


def test_who_turns_the_checks_off_gets_what_he_asks_for(pki: Pki) -> None:
    ca = str(pki.ours.certificate)
    with listening(broker(pki.broker)) as raw:
        name_unchecked = {"ssl.ca.location": ca, "ssl.endpoint.identification.algorithm": "none"}
        assert hear(raw, name_unchecked, "kafka.example") == b"hello"
    with listening(broker(pki.expired)) as raw:
        assert hear(raw, {"enable.ssl.certificate.verification": "false"}, "kafka.example") == b"hello"


def test_our_certificate_opens_a_broker_that_asks_for_one(pki: Pki) -> None:
    certificate, key = pki.client
    files = {"ssl.certificate.location": str(certificate), "ssl.key.location": str(key)}
    texts = {"ssl.certificate.pem": certificate.read_text(), "ssl.key.pem": key.read_text()}
    for shown in (files, texts):
        with listening(broker(pki.broker, wants_from=pki.ours.certificate)) as raw:
            security = {"ssl.ca.location": str(pki.ours.certificate), "ssl.key.password": KEY_PASSWORD, **shown}
            assert hear(raw, security) == b"hello"


@pytest.mark.parametrize("foreign", [False, True])
def test_a_broker_that_does_not_take_our_certificate_is_heard(pki: Pki, foreign: bool) -> None:
    certificate, key = pki.foreign
    shown = {"ssl.certificate.location": str(certificate), "ssl.key.location": str(key)} if foreign else {}
    with (
        listening(broker(pki.broker, wants_from=pki.ours.certificate)) as raw,
        pytest.raises(NeedsPerson, match=r"ssl\.certificate\.location"),
    ):
        hear(raw, {"ssl.ca.location": str(pki.ours.certificate), **shown})


@pytest.mark.parametrize(
    ("security", "words"),
    [
        ({"ssl.ca.location": "none.pem"}, r"ssl\.ca\.location .*no such file"),
        ({"ssl.ca.location": "KEY"}, r"ssl\.ca\.location"),
        ({"ssl.ca.pem": "nonsense"}, r"ssl\.ca\.pem"),
        ({"ssl.crl.location": "none.pem"}, r"ssl\.crl\.location"),
        ({"ssl.cipher.suites": "nonsense"}, r"ssl\.cipher\.suites .*no cipher"),
        ({"ssl.certificate.location": "CERTIFICATE", "ssl.key.location": "none.key"}, r"ssl\.key .*no such file"),
        ({"ssl.certificate.location": "CERTIFICATE", "ssl.key.location": "KEY"}, r"ssl\.key cannot"),
        ({"ssl.certificate.location": "CERTIFICATE", "ssl.key.location": "KEY", "ssl.key.password": "x"}, "ssl.key"),
        ({"ssl.certificate.location": "CERTIFICATE", "ssl.key.location": "OTHER"}, "mismatch"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_by_its_option(pki: Pki, security: dict[str, str], words: str) -> None:
    known = {"CERTIFICATE": str(pki.client[0]), "KEY": str(pki.client[1]), "OTHER": str(pki.broker[1])}
    meant = {"ssl.ca.location": str(pki.ours.certificate)}
    meant |= {name: known.get(value, value) for name, value in security.items()}
    with pytest.raises(NeedsPerson, match=words):
        tls_context({"security.protocol": "SSL", **meant})


def test_a_port_without_tls_is_told_from_a_line_that_broke(pki: Pki) -> None:
    security = {"ssl.ca.location": str(pki.ours.certificate)}
    with (
        listening(say_without_tls) as raw,
        pytest.raises(NeedsPerson, match=r"security\.protocol"),
    ):
        hear(raw, security)
    with listening(lambda theirs: None) as raw, pytest.raises(OSError, match=r".") as caught:
        hear(raw, security)
    assert not isinstance(caught.value, NeedsPerson)


def test_a_broker_that_is_silent_is_waited_for_as_long_as_the_time_out_says(pki: Pki) -> None:
    done = threading.Event()
    with listening(lambda theirs: void(done.wait(LIMIT_S))) as raw:
        raw.settimeout(0.05)
        with pytest.raises(TimeoutError):
            hear(raw, {"ssl.ca.location": str(pki.ours.certificate)})
        done.set()


def say_without_tls(raw: socket.socket) -> None:
    """Answer what comes with what is not TLS."""
    raw.recv(4096)
    raw.sendall(b"this is no TLS, whatever it is")


def void(_: object) -> None:
    """Take a value and return none."""


def test_other_errors_are_no_refusal() -> None:
    for error in (TimeoutError(), ConnectionResetError(), ssl.SSLEOFError(), ssl.SSLError(1, "[SSL] internal error")):
        assert refusal(error, HOST) is None


def test_the_tokens_endpoint_has_cas_of_its_own(pki: Pki) -> None:
    context = https_context({"https.ca.location": str(pki.ours.certificate), "ssl.ca.location": "no such file"})
    assert context.cert_store_stats()["x509_ca"] == 1
    assert context.check_hostname
    with pytest.raises(NeedsPerson, match=r"https\.ca\.location"):
        https_context({"https.ca.location": "none.pem"})
