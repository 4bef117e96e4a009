"""A broker that lets nobody in who does not say who he is: a certificate, a user, and what both sides set for it.

    listener    SASL_SSL, SCRAM-SHA-512; a log-in lasts for `SESSION_MS`, so that some end within every fault
    client      the security file that workers and commands read

The certificate is signed by itself and made by the `keytool` of the Java that the broker runs on.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka import admin as _admin

from console.cluster import java
from console.cluster.ports import HOST
from console.cluster.problems import StartFailed
from schemas.errors import NeedsPerson
from streams.kafka.login import raise_if_refused

admin: Any = _admin  # its type stubs leave out what its page names

USER, MECHANISM, ITERATIONS = "leadflow", "SCRAM-SHA-512", 4096
SESSION_MS = 3_000
SECRET_BYTES = 24
KEYTOOL_LIMIT_S = 60.0
KNOWN_LIMIT_S, LOOK_EVERY_S = 20.0, 0.1
STORE_SECRET = "LEADFLOW_STORE_SECRET"  # noqa: S105 - the name of a variable
LOGIN_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True)
class Security:
    """What is kept in `folder`: the broker's store (PKCS#12), its certificate (PEM), and the clients' file."""

    folder: Path
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(SECRET_BYTES), repr=False)

    @property
    def file(self) -> Path:
        """The security file of workers and commands."""
        return self.folder / "security.ini"

    def make(self) -> None:
        """Make all files. Raises StartFailed with keytool's words."""
        self.folder.mkdir(parents=True)
        own = ("-ext", f"SAN=ip:{HOST}", "-ext", "bc:critical=ca:true", "-validity", "2", "-storetype", "PKCS12")
        self._keytool("-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=broker", *own)
        self._keytool("-exportcert", "-rfc", "-file", str(self._certificate))
        self.file.touch(mode=0o600)
        self.file.write_text("".join(f"{key} = {value}\n" for key, value in self.options().items()), encoding="utf-8")

    def options(self) -> dict[str, str]:
        """Return what stands in the security file."""
        return {
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(self._certificate),
            "sasl.mechanism": MECHANISM,
            "sasl.username": USER,
            "sasl.password": self.secret,
        }

    def settings(self, listeners: Sequence[str]) -> dict[str, str]:
        """Return the broker's settings for its listeners of these names."""
        own = {
            "ssl.keystore.type": "PKCS12",
            "ssl.keystore.location": str(self._store),
            "ssl.keystore.password": self.secret,
        }
        for name in (f"listener.name.{listener.lower()}" for listener in listeners):
            own[f"{name}.sasl.enabled.mechanisms"] = MECHANISM
            own[f"{name}.{MECHANISM.lower()}.sasl.jaas.config"] = f"{LOGIN_MODULE} required;"
            own[f"{name}.{MECHANISM.lower()}.connections.max.reauth.ms"] = str(SESSION_MS)
        return own

    def admit(self, unsecured: str, ports: Sequence[int]) -> None:
        """Make the user known by a listener without security; wait until each port lets him in. Raises StartFailed."""
        known = admin.ScramCredentialInfo(admin.ScramMechanism.SCRAM_SHA_512, ITERATIONS)
        wanted = admin.UserScramCredentialUpsertion(USER, known, self.secret.encode())
        client = admin.AdminClient({"bootstrap.servers": unsecured, "log_level": 0})
        try:
            client.alter_user_scram_credentials([wanted])[USER].result(KNOWN_LIMIT_S)
        except (KafkaException, TimeoutError) as error:
            raise StartFailed(f"Kafka does not take a user for {MECHANISM}: {error}") from None
        deadline = time.monotonic() + KNOWN_LIMIT_S
        for port in ports:
            while (refused := self._refused(port)) is not None:
                if time.monotonic() > deadline:
                    raise StartFailed(f"Kafka does not let its new user in: {refused}")
                time.sleep(LOOK_EVERY_S)

    def _refused(self, port: int) -> NeedsPerson | None:
        try:
            raise_if_refused([(HOST, port)], self.options())
        except NeedsPerson as refused:
            return refused
        return None

    @property
    def _store(self) -> Path:
        return self.folder / "broker.p12"

    @property
    def _certificate(self) -> Path:
        return self.folder / "broker.pem"

    def _keytool(self, *arguments: str) -> None:
        store = ("-alias", "broker", "-keystore", str(self._store), "-storepass:env", STORE_SECRET)
        done = subprocess.run(
            [str(java.java().with_name("keytool")), *arguments, *store],
            env=java.environment({**os.environ, STORE_SECRET: self.secret}),
            capture_output=True,
            text=True,
            timeout=KEYTOOL_LIMIT_S,
            check=False,
        )
        if done.returncode:
            raise StartFailed(f"keytool {arguments[0]} failed: {done.stdout}{done.stderr}")
