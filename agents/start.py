"""Starts a worker: its name is taken at Kafka first, and the rest of the code is loaded meanwhile.

Only what the taking needs is imported here; the parts and Faust take four times as long to load.
"""

from __future__ import annotations

import gc
import os

from config.kafka import KafkaSettings
from config.logs import configure_logs
from config.security import read_security
from config.settings import Settings, load_settings
from schemas.topics import RECEIVED, RECEIVED_BYTES_MAX
from streams.kafka.name_taking import NameTaking

#: Settings without which no worker can start.
NEEDED = ("kafka", "redis", "hash_key")


def kafka_settings(settings: Settings) -> KafkaSettings:
    """Return how this process reaches Kafka. Raises SecurityFileProblem."""
    file = settings.kafka_security_file
    return KafkaSettings(
        settings.kafka,
        group=settings.group,
        name=settings.name,
        prefix=settings.prefix,
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_ms=settings.heartbeat_ms,
        record_bytes_max={RECEIVED: RECEIVED_BYTES_MAX},
        security=read_security(file) if file else {},
    )


def main(name: str) -> int:
    """Run a worker under this name until it is told to stop; returns its exit code. Ends with 70, 75 or 78 itself.

    Raises SettingsProblems and SecurityFileProblem before anything is started. What fails later (schemas of one's own,
    a registry) fails under the name: whoever worked under it has ended with 75.
    """
    settings = load_settings({**os.environ, "LEADFLOW_NAME": name})
    settings.need(*NEEDED)
    configure_logs(settings.log_level)
    taking = NameTaking(kafka_settings(settings))
    gc.disable()  # what is loaded stays; looking for cycles in it took a tenth of the loading. `run` turns it on
    from agents.worker import make_app, run

    return run(make_app(settings, taking))
