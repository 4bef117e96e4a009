"""What is refused of a security file before anything starts, and what is not."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaException, Producer

from config.kafka import KafkaSettings, KafkaSettingsProblem
from config.security_options import identifies, mechanism, protocol, uses_sasl, uses_tls, verifies
from config.security_problems import NAMES, problems

SASL = {"security.protocol": "SASL_SSL", "sasl.username": "u", "sasl.password": "open sesame"}
OAUTH = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanisms": "OAUTHBEARER",
    "sasl.oauthbearer.method": "oidc",
    "sasl.oauthbearer.client.id": "leadflow",
    "sasl.oauthbearer.client.secret": "open sesame",
    "sasl.oauthbearer.token.endpoint.url": "https://127.0.0.1/token",
}


@pytest.mark.parametrize(
    "security",
    [
        {},
        {"security.protocol": "plaintext"},
        {"security.protocol": "ssl", "ssl.ca.location": "ca.pem", "ssl.crl.location": "crl.pem"},
        {"security.protocol": "SSL", "ssl.certificate.location": "c.pem", "ssl.key.pem": "k", "ssl.key.password": "p"},
        {"security.protocol": "SSL", "enable.ssl.certificate.verification": "False"},
        {"security.protocol": "SSL", "ssl.endpoint.identification.algorithm": "HTTPS", "ssl.keystore.location": ""},
        {"security.protocol": "PLAINTEXT", "ssl.keystore.location": "means nothing without TLS"},
        {**SASL, "sasl.mechanism": "PLAIN"},
        {**SASL, "sasl.mechanisms": "SCRAM-SHA-512", "sasl.mechanism": "SCRAM-SHA-512"},
        {**SASL, "sasl.mechanisms": "SCRAM-SHA-256", "sasl.kerberos.service.name": "kafka"},
        {**OAUTH, "sasl.oauthbearer.scope": "kafka", "sasl.oauthbearer.extensions": "logicalCluster=a,pool=b=c"},
    ],
)
def test_what_both_can_do_is_taken(security: dict[str, str]) -> None:
    assert problems(security) == []
    assert KafkaSettings("127.0.0.1:9092", security=security).security == security


@pytest.mark.parametrize(
    ("security", "word", "remedy"),
    [
        ({"acks": "0"}, "acks", "not one of"),
        ({"ssl.truststore.location": "t.jks"}, "ssl.truststore.location", "not one of"),
        ({"security.protocol": "TLS"}, "security.protocol", "SASL_SSL"),
        ({"security.protocol": "SSL", "ssl.keystore.location": "k.p12"}, "PKCS#12", "ssl.certificate.location"),
        ({"security.protocol": "SSL", "ssl.keystore.password": "s"}, "PKCS#12", "ssl.key.password"),
        ({"security.protocol": "SSL", "ssl.engine.location": "e.so"}, "ssl.engine.location", "ssl.key.location"),
        ({"security.protocol": "SSL", "ssl.engine.id": "e"}, "ssl.engine.id", "ssl.key.location"),
        ({"security.protocol": "SSL", "ssl.providers": "legacy"}, "ssl.providers", "openssl.cnf"),
        ({"security.protocol": "SSL", "ssl.curves.list": "P-256"}, "ssl.curves.list", "remove it"),
        ({"security.protocol": "SSL", "ssl.sigalgs.list": "RSA"}, "ssl.sigalgs.list", "remove it"),
        ({"security.protocol": "SSL", "ssl.key.location": "k.pem"}, "go together", "ssl.certificate.location"),
        ({"security.protocol": "SSL", "ssl.certificate.pem": "c"}, "go together", "ssl.key.location"),
        ({"security.protocol": "SSL", "enable.ssl.certificate.verification": "no"}, "verification", "true or false"),
        ({"security.protocol": "SSL", "ssl.endpoint.identification.algorithm": "yes"}, "identif", "https or none"),
        ({**SASL}, "sasl.mechanisms is not set", "SCRAM-SHA-512"),
        ({**SASL, "sasl.mechanism": "GSSAPI"}, "GSSAPI", "SCRAM-SHA-512"),
        ({**SASL, "sasl.mechanism": "plain"}, "sasl.mechanisms", "in capitals"),
        ({**SASL, "sasl.mechanism": "PLAIN", "sasl.mechanisms": "SCRAM-SHA-256"}, "differ", "remove one"),
        ({**SASL, "sasl.mechanism": "PLAIN", "sasl.password": ""}, "sasl.password", "both be set"),
        ({**OAUTH, "sasl.oauthbearer.method": "default"}, "sasl.oauthbearer.method", "must be oidc"),
        ({**OAUTH, "sasl.oauthbearer.assertion.file": "a"}, "grant.type", "client id and secret"),
        ({**OAUTH, "sasl.oauthbearer.metadata.authentication.type": "azure_imds"}, "metadata", "client id and secret"),
        ({**OAUTH, "sasl.oauthbearer.client.secret": ""}, "sasl.oauthbearer.client.secret", "must be set"),
        ({**OAUTH, "sasl.oauthbearer.token.endpoint.url": "127.0.0.1/"}, "endpoint.url", "https://"),
        ({**OAUTH, "sasl.oauthbearer.extensions": "auth=x"}, "extensions", "name=value"),
        ({**OAUTH, "sasl.oauthbearer.extensions": "a b=x"}, "extensions", "name=value"),
    ],
)
def test_what_the_producer_cannot_do_is_told_with_its_remedy(security: dict[str, str], word: str, remedy: str) -> None:
    (problem,) = problems(security)
    assert word in problem
    assert remedy in problem
    assert "sesame" not in problem


def test_all_that_is_wrong_is_told_at_once_and_ends_the_command_with_78() -> None:
    wrong = {**SASL, "sasl.mechanisms": "GSSAPI", "ssl.keystore.location": "k.p12", "ssl.colour": "red"}
    with pytest.raises(KafkaSettingsProblem, match=r"ssl\.colour.*PKCS#12.*GSSAPI") as caught:
        KafkaSettings("127.0.0.1:9092", security=wrong)
    assert caught.value.exit_code == 78
    assert "sesame" not in str(caught.value)


def said_by_librdkafka(name: str) -> str:
    """Return what librdkafka says of this option; "" when it takes it."""
    try:
        Producer({"bootstrap.servers": "127.0.0.1:1", "log_level": 0, name: "no such value"})
    except KafkaException as error:
        return str(error.args[0].str())
    return ""


def test_every_name_that_we_know_is_one_of_librdkafkas() -> None:
    for name in NAMES:
        assert "No such configuration" not in said_by_librdkafka(name), name
    assert "No such configuration" in said_by_librdkafka("ssl.no.such.option")


def test_words_mean_what_they_mean_to_librdkafka() -> None:
    assert protocol({}) == "PLAINTEXT"
    assert [uses_tls({"security.protocol": one}) for one in ("ssl", "SASL_SSL", "sasl_plaintext")] == [
        True,
        True,
        False,
    ]
    assert [uses_sasl({"security.protocol": one}) for one in ("ssl", "SASL_SSL", "Sasl_Plaintext")] == [
        False,
        True,
        True,
    ]
    assert mechanism({"sasl.mechanism": "PLAIN"}) == mechanism({"sasl.mechanisms": "PLAIN"}) == "PLAIN"
    assert verifies({})
    assert identifies({})
    assert not identifies({"ssl.endpoint.identification.algorithm": "none"})
    assert not identifies({"enable.ssl.certificate.verification": "0"}), (
        "nobody looks at the name of what is not checked"
    )
