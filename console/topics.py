"""Makes and checks the topics of one leadflow, with the settings' counts."""

from __future__ import annotations

from config.kafka import KafkaSettings
from config.security import read_security
from config.settings import Settings
from schemas.topics import Sizes, TopicSpec, catalogue, spec_of
from streams.kafka.topic_admin import Difference, TopicAdmin


def sizes(settings: Settings) -> Sizes:
    """Return what the settings say about topics."""
    return Sizes(settings.lead_partitions, settings.buyer_partitions, settings.retention_days, settings.replication)


def topic_admin(settings: Settings) -> TopicAdmin:
    """Return a connection for topics; opened when it is first used."""
    file = settings.kafka_security_file
    security = read_security(file) if file else {}
    return TopicAdmin(
        KafkaSettings(
            settings.kafka, group=settings.group, name=settings.name, prefix=settings.prefix, security=security
        )
    )


def create_topics(settings: Settings) -> list[str]:
    """Make the topics of the catalogue that are missing; return their names. Safe to repeat.

    Raises:
        Unavailable, NeedsPerson: as `TopicAdmin.create`.
    """
    return topic_admin(settings).create(catalogue(), sizes(settings))


def differences(settings: Settings) -> list[Difference]:
    """Return where the cluster is not as the catalogue says, buyers' topics that exist included."""
    admin = topic_admin(settings)
    return admin.differences(_all(admin), sizes(settings))


def _all(admin: TopicAdmin) -> list[TopicSpec]:
    """Return the catalogue and the buyers' topics that are there; which there should be is the plan's affair."""
    found = [spec_of(name) for name in sorted(admin.counts()) if name.startswith("buyers.")]
    return [*catalogue(), *(spec for spec in found if spec)]
