"""What the options of the security file mean: protocol, mechanism, and whether TLS or SASL is asked for at all.

The names and their meaning are librdkafka's, which serves the consumer; our own connection reads the same options.
"""

from __future__ import annotations

from collections.abc import Mapping

PREFIXES = ("security.", "sasl.", "ssl.", "enable.ssl.", "https.ca.")
"""How the names of options begin that people may set."""

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISM = ("sasl.mechanisms", "sasl.mechanism")
CLIENT_ID = ("sasl.oauthbearer.client.id", "sasl.oauthbearer.client.credentials.client.id")
CLIENT_SECRET = ("sasl.oauthbearer.client.secret", "sasl.oauthbearer.client.credentials.client.secret")
ENDPOINT = "sasl.oauthbearer.token.endpoint.url"
VERIFICATION = "enable.ssl.certificate.verification"
IDENTIFICATION = "ssl.endpoint.identification.algorithm"

PLAIN, SCRAM_256, SCRAM_512, OAUTHBEARER = "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"
MECHANISMS = (PLAIN, SCRAM_256, SCRAM_512, OAUTHBEARER)

YES, NO = ("true", "t", "1"), ("false", "f", "0")


def option(security: Mapping[str, str], *names: str) -> str:
    """Return the value of an option that has these names; "" when it is empty or not set."""
    return next((value for name in names if (value := security.get(name, ""))), "")


def word(security: Mapping[str, str], *names: str) -> str:
    """Return the value of an option whose values are words: in small letters, without blanks around it."""
    return option(security, *names).strip().lower()


def protocol(security: Mapping[str, str]) -> str:
    """Return `security.protocol` in capitals; PLAINTEXT when it is not set."""
    return word(security, "security.protocol").upper() or PROTOCOLS[0]


def uses_tls(security: Mapping[str, str]) -> bool:
    """Tell whether connections are encrypted."""
    return protocol(security).endswith("SSL")


def uses_sasl(security: Mapping[str, str]) -> bool:
    """Tell whether we say who we are by SASL."""
    return protocol(security).startswith("SASL_")


def mechanism(security: Mapping[str, str]) -> str:
    """Return the SASL mechanism as it is written; "" when none is named."""
    return option(security, *MECHANISM).strip()


def verifies(security: Mapping[str, str]) -> bool:
    """Tell whether the broker's certificate is checked; it is, unless that was turned off."""
    return word(security, VERIFICATION) not in NO


def identifies(security: Mapping[str, str]) -> bool:
    """Tell whether the certificate must be for the host that we have connected to."""
    return verifies(security) and word(security, IDENTIFICATION) != "none"


def extensions(security: Mapping[str, str]) -> dict[str, str]:
    """Return `sasl.oauthbearer.extensions`, name=value with commas between, as names and values (RFC 7628, KIP-342)."""
    pairs = option(security, "sasl.oauthbearer.extensions").split(",")
    return {name.strip(): value for name, _, value in (pair.partition("=") for pair in pairs) if name.strip()}
