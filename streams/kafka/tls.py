"""TLS of our own connection to a broker: a context from librdkafka's options, the handshake, what its failure means.

Where Python's OpenSSL is another one than librdkafka's they agree on all that the options say; the rest is theirs:
system CAs are those of Python (SSL_CERT_FILE counts), and nothing older than TLS 1.2 is spoken.
"""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from config.security_options import identifies, option, uses_tls, verifies
from schemas.errors import NeedsPerson

PROBE = "probe"
"""librdkafka's word for the CAs that the system trusts."""

_OTHER_NAME = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH."""

_OTHER_CA = frozenset({2, 18, 19, 20, 21})
"""No issuer, or one that is not trusted, self-signed ones among them (X509_V_ERR_*)."""

_OUR_CERTIFICATE = frozenset(
    {
        "ACCESS_DENIED",
        "BAD_CERTIFICATE",
        "CERTIFICATE_EXPIRED",
        "CERTIFICATE_REQUIRED",
        "CERTIFICATE_REVOKED",
        "CERTIFICATE_UNKNOWN",
        "DECRYPT_ERROR",
        "UNKNOWN_CA",
        "UNSUPPORTED_CERTIFICATE",
    }
)
"""Alerts of a broker that does not take our certificate, or misses one (RFC 8446, section 6.2)."""

_NOTHING_IN_COMMON = frozenset({"HANDSHAKE_FAILURE", "INSUFFICIENT_SECURITY", "PROTOCOL_VERSION"})

_ALERT = "ALERT_"
_NO_TLS = frozenset({"RECORD_LAYER_FAILURE", "WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL"})
"""What OpenSSL says of bytes that are not TLS, or not one of its versions."""


def tls_context(security: Mapping[str, str]) -> ssl.SSLContext | None:
    """Return how TLS is spoken by these options; None where the protocol has none.

    Reads the files that they name. Raises NeedsPerson for one that cannot be used; the message names the option.
    """
    if not uses_tls(security):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = identifies(security)
    context.verify_mode = ssl.CERT_REQUIRED if verifies(security) else ssl.CERT_NONE
    _trust(context, security, "ssl.ca")
    _refuse_revoked(context, security)
    _show_certificate(context, security)
    if suites := option(security, "ssl.cipher.suites"):
        with _naming("ssl.cipher.suites"):
            context.set_ciphers(suites)
    return context


def https_context(security: Mapping[str, str]) -> ssl.SSLContext:
    """Return how the endpoint of tokens is reached: `https.ca.*`, else the system's CAs. Raises NeedsPerson."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _trust(context, security, "https.ca")
    return context


def shake_hands(raw: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """Return the socket with TLS on it; blocks as long as its time-out allows. The socket is closed when it fails.

    `host` is what the certificate must be for. Raises NeedsPerson for what waiting cannot mend, else OSError.
    """
    try:
        return context.wrap_socket(raw, server_hostname=host)
    except ssl.SSLError as error:
        raise (refusal(error, host) or error) from None


def refusal(error: OSError, host: str) -> NeedsPerson | None:
    """Return what a person must mend when a handshake or a read failed with this; None for a connection that broke.

    In TLS 1.3 our side of the handshake ends before the broker has seen our certificate: it refuses us at a read.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return NeedsPerson(f"the certificate of the broker at {host} is refused: {_unverified(error)}")
    reason = str(getattr(error, "reason", "") or "") if isinstance(error, ssl.SSLError) else ""
    alert = reason.partition(_ALERT)[2]
    if alert in _OUR_CERTIFICATE:
        why = "does not take our certificate, or wants one; see ssl.certificate.location and ssl.key.location"
    elif alert in _NOTHING_IN_COMMON:
        why = "has no version of TLS or no cipher in common with us, or wants a certificate; see ssl.cipher.suites"
    elif reason in _NO_TLS:
        why = "does not speak TLS at this port; see security.protocol and the port"
    else:
        return None
    return NeedsPerson(f"the broker at {host} {why} ({reason.lower().replace('_', ' ')})")


def _unverified(error: ssl.SSLCertVerificationError) -> str:
    text = error.verify_message.rstrip(".")
    if error.verify_code in _OTHER_NAME:
        return f"{text}; make one for this name, or name the broker as its certificate and advertised.listeners do"
    if error.verify_code in _OTHER_CA:
        return f"{text}; name the CA that has signed it in ssl.ca.location"
    return text


def _trust(context: ssl.SSLContext, security: Mapping[str, str], name: str) -> None:
    """Load the CAs of `NAME.pem`, else of `NAME.location`, a file or a folder, else those of the system."""
    location = option(security, f"{name}.location")
    if pem := option(security, f"{name}.pem"):
        with _naming(f"{name}.pem"):
            context.load_verify_locations(cadata=pem)
    elif location and location != PROBE:
        with _naming(f"{name}.location"):
            os.stat(location)  # OpenSSL says nothing of a folder that is not there
            kind = "capath" if os.path.isdir(location) else "cafile"
            context.load_verify_locations(**{kind: location})
    elif context.verify_mode != ssl.CERT_NONE:
        context.load_default_certs()
        paths = ssl.get_default_verify_paths()
        if not (paths.cafile or paths.capath):
            raise NeedsPerson(f"this system has no CA certificates: name those to trust in {name}.location")


def _refuse_revoked(context: ssl.SSLContext, security: Mapping[str, str]) -> None:
    if location := option(security, "ssl.crl.location"):
        with _naming("ssl.crl.location"):
            context.load_verify_locations(cafile=location)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _show_certificate(context: ssl.SSLContext, security: Mapping[str, str]) -> None:
    """Load our own certificate and its key, for brokers that ask for one (mutual TLS)."""
    with _naming("ssl.certificate and ssl.key"), _file(security, "ssl.certificate") as certificate:
        if not certificate:
            return
        with _file(security, "ssl.key") as key:
            # a password in any case: without one OpenSSL would ask the terminal
            context.load_cert_chain(certificate, key or None, option(security, "ssl.key.password"))


@contextmanager
def _file(security: Mapping[str, str], name: str) -> Iterator[str]:
    """Give the path of `NAME.location`, else of a file that holds `NAME.pem` for as long; "" when neither is set.

    Python reads certificates and keys from files alone. Where the system has files in memory, the key is on no disk.
    """
    location, pem = option(security, f"{name}.location"), option(security, f"{name}.pem")
    if location or not pem:
        yield location
    elif hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create(name), "w", encoding="utf-8") as file:
            file.write(pem)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:  # for its owner's eyes, gone at the end
            file.write(pem)
            file.flush()
            yield file.name


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Turn what OpenSSL and the system say into what a person must mend; OpenSSL's words hold nothing of a file."""
    try:
        yield
    except OSError as error:
        why = getattr(error, "reason", None) or error.strerror or error.args[0]
        raise NeedsPerson(f"{name} cannot be used: {str(why).lower().replace('_', ' ')}") from None
