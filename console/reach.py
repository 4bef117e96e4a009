"""What a command needs to reach a running leadflow, made from the settings: address, clock, codec, the plan."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from config.plan.canonical import from_json
from config.plan.compiled import CompiledPlan, compile_plan
from config.security import read_security
from config.settings import Settings, load_settings
from console.reading import Address, Reader
from console.topics import create_topics, sizes, topic_admin
from schemas.codec import Codec
from schemas.errors import LeadflowError
from schemas.records import PlanVersion, Record
from schemas.registry import open_codec
from schemas.topics import PLAN, Sizes
from streams.clock import Clock
from streams.kafka.topic_admin import TopicAdmin


class NoPlan(LeadflowError):
    """No plan was ever applied here. Operator action: `leadflow plan apply PATH`."""


@dataclass(frozen=True)
class Reach:
    """A way to one leadflow; opens connections only when they are used."""

    settings: Settings

    @cached_property
    def address(self) -> Address:
        """Where Kafka is. Raises SecurityFileProblem."""
        file = self.settings.kafka_security_file
        return Address(self.settings.kafka, self.settings.prefix, read_security(file) if file else {})

    @cached_property
    def clock(self) -> Clock:
        """The time that this leadflow lives in: pretended when the settings say so."""
        return Clock(self.settings.clock_start_ms, self.settings.clock_anchor_ms, self.settings.clock_rate)

    @cached_property
    def codec(self) -> Codec:
        """Reads and writes records, with the registry and the extra schemas of the settings."""
        return open_codec(self.settings)

    @cached_property
    def reader(self) -> Reader:
        """Reads topics; record times are in this leadflow's time."""
        return Reader(self.address, self.clock)

    @cached_property
    def topic_admin(self) -> TopicAdmin:
        """Makes and checks topics."""
        return topic_admin(self.settings)

    def create_topics(self) -> list[str]:
        """Make the topics of the catalogue that are missing; return their names."""
        return create_topics(self.settings)

    @property
    def sizes(self) -> Sizes:
        """How topics are laid out."""
        return sizes(self.settings)

    @property
    def group(self) -> str:
        """The consumer group of the workers, prefix included."""
        return self.settings.prefix + self.settings.group

    def plan_versions(self) -> list[PlanVersion]:
        """Return every version of the plan that was ever applied, oldest first."""
        found = [self.codec.decode(message.value) for message in self.reader.scan(PLAN) if message.value]
        return [record for record in found if isinstance(record, PlanVersion)]

    def newest_plan(self) -> PlanVersion | None:
        """Return the version in force, None when none was applied."""
        newest = [self.codec.decode(message.value) for message in self.reader.last(PLAN, 1) if message.value]
        return next((record for record in newest if isinstance(record, PlanVersion)), None)

    def latest(self, topic: str) -> list[Record]:
        """Return the last record of each key of a compacted topic, in the keys' order; a tombstone removes its key."""
        newest: dict[bytes, Record | None] = {}
        for message in self.reader.scan(topic):
            newest[message.key or b""] = self.codec.decode(message.value) if message.value else None
        return [record for _, record in sorted(newest.items()) if record is not None]

    def plan(self) -> CompiledPlan:
        """Return the plan in force, compiled. Raises NoPlan."""
        version = self.newest_plan()
        if version is None:
            raise NoPlan(f"no plan was applied at {self.settings.kafka}; `leadflow plan apply PATH` first")
        return compile_plan(from_json(version.plan_json), version.version)


def reach(environ: Mapping[str, str] = os.environ) -> Reach:
    """Return the way that the environment names. Raises SettingsProblems, also when no Kafka is named."""
    settings = load_settings(environ)
    settings.need("kafka")
    return Reach(settings)
