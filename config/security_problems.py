"""What is wrong with the options of the security file, and what our own connection cannot do although librdkafka could.

It is told when settings are made, before anything starts: a worker must not find out at its first transaction that
its consumer comes in and its producer does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from config.security_options import (
    CLIENT_ID,
    CLIENT_SECRET,
    ENDPOINT,
    IDENTIFICATION,
    MECHANISM,
    MECHANISMS,
    NO,
    OAUTHBEARER,
    PROTOCOLS,
    VERIFICATION,
    YES,
    extensions,
    mechanism,
    option,
    protocol,
    uses_sasl,
    uses_tls,
    word,
)

_NO_ENGINE = "names an OpenSSL engine, which the producer cannot load; name a PEM key in ssl.key.location"
_AT_BROKERS = "cannot be chosen on the producer's own connection; remove it, and restrict it at the brokers"

#: Options of TLS that librdkafka alone could honour, and what to do instead.
_TLS_REFUSED = {
    "ssl.keystore.location": "names a PKCS#12 store, which the producer cannot read; write it as PEM by `openssl "
    "pkcs12 -in STORE -out client.pem` and name that file in ssl.certificate.location and in ssl.key.location",
    "ssl.keystore.password": "belongs to a PKCS#12 store, which the producer cannot read; for a PEM key it is called "
    "ssl.key.password",
    "ssl.engine.location": _NO_ENGINE,
    "ssl.engine.id": _NO_ENGINE,
    "ssl.providers": "names OpenSSL providers, which the producer cannot load; remove it, name them in openssl.cnf",
    "ssl.curves.list": _AT_BROKERS,
    "ssl.sigalgs.list": _AT_BROKERS,
}

_ASSERTION = "sasl.oauthbearer.assertion."
_KERBEROS = "sasl.kerberos."

#: Options that are honoured, or that mean nothing beside those that are.
_KNOWN = {
    *("security.protocol", "sasl.username", "sasl.password", *MECHANISM),
    *("ssl.ca.location", "ssl.ca.pem", "ssl.crl.location", "ssl.cipher.suites", VERIFICATION, IDENTIFICATION),
    *("ssl.certificate.location", "ssl.certificate.pem", "ssl.key.location", "ssl.key.pem", "ssl.key.password"),
    *("https.ca.location", "https.ca.pem", "sasl.oauthbearer.method", ENDPOINT, *CLIENT_ID, *CLIENT_SECRET),
    *("sasl.oauthbearer.scope", "sasl.oauthbearer.extensions", "sasl.oauthbearer.grant.type"),
    *("sasl.oauthbearer.config", "sasl.oauthbearer.sub.claim.name", "sasl.oauthbearer.metadata.authentication.type"),
}

NAMES = frozenset(_KNOWN | _TLS_REFUSED.keys())
"""All that we have something to say about, beside the families of Kerberos and of assertions."""

_EXTENSION_NAME, _EXTENSION_VALUE = re.compile(r"[A-Za-z]+"), re.compile(r"[\x21-\x7e \t\r\n]*")


def problems(security: Mapping[str, str]) -> list[str]:
    """Return what must be mended, a sentence each, with the remedy; no value that may be secret is in it."""
    return [*_names(security), *_protocol(security), *_tls(security), *_sasl(security)]


def _names(security: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(security):
        if name not in NAMES and not name.startswith((_ASSERTION, _KERBEROS)):
            yield f"option {name} is not one of librdkafka's for security, ssl or sasl"


def _protocol(security: Mapping[str, str]) -> Iterator[str]:
    if protocol(security) not in PROTOCOLS:
        yield f"security.protocol must be one of {', '.join(PROTOCOLS)}"


def _tls(security: Mapping[str, str]) -> Iterator[str]:
    if not uses_tls(security):
        return
    yield from (f"{name} {why}" for name, why in _TLS_REFUSED.items() if option(security, name))
    if word(security, VERIFICATION) not in ("", *YES, *NO):
        yield f"{VERIFICATION} must be true or false"
    if word(security, IDENTIFICATION) not in ("", "https", "none"):
        yield f"{IDENTIFICATION} must be https or none"
    certificate = option(security, "ssl.certificate.location", "ssl.certificate.pem")
    key = option(security, "ssl.key.location", "ssl.key.pem")
    if bool(certificate) != bool(key):
        yield "a client's certificate and its key go together: set both ssl.certificate.location and ssl.key.location"


def _sasl(security: Mapping[str, str]) -> Iterator[str]:
    if not uses_sasl(security):
        return
    ways = ", ".join(MECHANISMS)
    named = {value.strip() for name in MECHANISM if (value := option(security, name))}
    if not named:
        yield f"sasl.mechanisms is not set; name one of {ways}"
    elif len(named) > 1:
        yield "sasl.mechanisms and sasl.mechanism are one option and differ; remove one of them"
    elif mechanism(security) == "GSSAPI":
        yield f"sasl.mechanisms GSSAPI (Kerberos) is not supported; let the brokers offer one of {ways}"
    elif mechanism(security) not in MECHANISMS:
        yield f"sasl.mechanisms must be one of {ways}, in capitals"
    elif mechanism(security) == OAUTHBEARER:
        yield from _oauth(security)
    elif not (option(security, "sasl.username") and option(security, "sasl.password")):
        yield "sasl.username and sasl.password must both be set"


def _oauth(security: Mapping[str, str]) -> Iterator[str]:
    if word(security, "sasl.oauthbearer.method") != "oidc":
        yield "sasl.oauthbearer.method must be oidc: tokens that nobody has signed are not sent"
    if word(security, "sasl.oauthbearer.grant.type") not in ("", "client_credentials") or any(
        name.startswith(_ASSERTION) for name in security
    ):
        yield f"sasl.oauthbearer.grant.type must be client_credentials, without {_ASSERTION}*: set client id and secret"
    if word(security, "sasl.oauthbearer.metadata.authentication.type") not in ("", "none"):
        yield "sasl.oauthbearer.metadata.authentication.type is not supported; set client id and secret"
    missing = [names[0] for names in (CLIENT_ID, CLIENT_SECRET, (ENDPOINT,)) if not option(security, *names)]
    if missing:
        yield f"{', '.join(missing)} must be set for OAUTHBEARER"
    elif not option(security, ENDPOINT).startswith(("https://", "http://")):
        yield f"{ENDPOINT} must begin with https:// or http://"
    for name, value in extensions(security).items():
        if name == "auth" or not (_EXTENSION_NAME.fullmatch(name) and _EXTENSION_VALUE.fullmatch(value)):
            yield "sasl.oauthbearer.extensions must be name=value with commas between, each name letters and not auth"
            return
