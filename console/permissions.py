"""Who must be allowed what at a Kafka that checks permissions, by role: what the docs show and `leadflow acls` prints.

Describe is not named: Kafka grants it along with Read and with Write.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from schemas.topics import PAUSES, PLAN, RECEIVED, buyer_topic, catalogue

Kind = Literal["topic", "group", "transactional-id", "cluster"]

TOOL = "kafka-acls.sh"
ANY = "*"
OFFSETS_TOPIC = "__consumer_offsets"


@dataclass(frozen=True, slots=True)
class Permission:
    """Operations on one resource, or on all whose names begin so. An `optional` one adds what its `why` says."""

    kind: Kind
    name: str
    operations: tuple[str, ...]
    why: str
    prefixed: bool = False
    optional: bool = False

    def arguments(self) -> list[str]:
        """Return the arguments of Kafka's tool that name resource and operations."""
        which = ["--cluster"] if self.kind == "cluster" else [f"--{self.kind}", self.name]
        pattern = ["--resource-pattern-type", "prefixed"] if self.prefixed else []
        return [*(part for each in self.operations for part in ("--operation", each)), *which, *pattern]


@dataclass(frozen=True, slots=True)
class Place:
    """Whose permissions: of the leadflow with this prefix and group; `buyer` for the role of that name."""

    prefix: str = ""
    group: str = "leadflow"
    buyer: str = ""

    def topic(self, name: str, *operations: str, why: str) -> Permission:
        """Return a permission on one topic."""
        return Permission("topic", self.prefix + name, operations, why)

    def all_topics(self, *operations: str, why: str) -> Permission:
        """Return a permission on all topics; without a prefix of ours, these are all that Kafka has."""
        return Permission("topic", self.prefix or ANY, operations, why, prefixed=bool(self.prefix))

    def groups(self, begin: str, operation: str, why: str, *, optional: bool = False) -> Permission:
        """Return a permission on all groups that begin so."""
        return Permission("group", self.prefix + begin, (operation,), why, prefixed=True, optional=optional)

    def ids(self, begin: str, why: str) -> Permission:
        """Return the permission to write transactions under names that begin so."""
        return Permission("transactional-id", self.prefix + begin, ("Write",), why, prefixed=True)

    def workers(self, operation: str, why: str) -> Permission:
        """Return a permission on the group of the workers."""
        return Permission("group", self.prefix + self.group, (operation,), why)


def _worker(at: Place) -> list[Permission]:
    return [
        at.all_topics("Read", "Write", why="leads, facts, changelogs, buyers' topics; what hangs there"),
        at.workers("Read", "membership and offsets"),
        at.ids(f"{at.group}-", "transactions"),
        Permission("topic", OFFSETS_TOPIC, ("Read",), "to look for offsets of its own that hang", optional=True),
        Permission("cluster", "", ("ClusterAction",), "to end a transaction that hangs", optional=True),
    ]


def _operator(at: Place) -> list[Permission]:
    changing = "Create", "DescribeConfigs", "AlterConfigs"
    return [
        at.all_topics("Read", "Write", *changing, why="to look, pause, apply plans, make topics"),
        at.workers("Read", "what waits; first offsets of new topics; `leadflow repair`"),
        at.ids("leadflow-console-", "`leadflow plan apply`, `dead retry`, `repair`"),
        at.groups("buyers.", "Describe", "what buyers have not read, in `leadflow buyer`", optional=True),
    ]


def _import(at: Place) -> list[Permission]:
    return [
        at.topic(RECEIVED, "Write", why="the leads"),
        at.topic(PLAN, "Read", why="the campaign's fields"),
        at.topic(PAUSES, "Read", why="whether the supplier or the campaign is paused"),
        at.workers("Describe", "to hold a bulk back while many leads wait"),
    ]


def _supplier(at: Place) -> list[Permission]:
    return [at.topic(RECEIVED, "Write", why="the leads")]


def _buyer(at: Place) -> list[Permission]:
    return [
        at.topic(buyer_topic(at.buyer), "Read", why="its leads"),
        at.groups(f"buyers.{at.buyer}.", "Read", "how far it has read; no id has a dot, so no other buyer's"),
    ]


def _data(at: Place) -> list[Permission]:
    facts = [spec.name for spec in catalogue() if spec.keeping == "for ever" and not spec.name.startswith("internal.")]
    return [
        *(at.topic(name, "Read", why="facts, without persons") for name in facts),
        at.groups("data.", "Read", "how far it has read"),
    ]


ROLES: Mapping[str, Callable[[Place], list[Permission]]] = {
    "worker": _worker,
    "operator": _operator,
    "import": _import,
    "supplier": _supplier,
    "buyer": _buyer,
    "data": _data,
}
"""Each role's permissions."""


def commands(role: str, at: Place, principal: str, bootstrap: str) -> list[tuple[Permission, str]]:
    """Return each permission of a role with the command of Kafka's tool that grants it to `principal`."""
    begin = [TOOL, "--bootstrap-server", bootstrap, "--command-config", "admin.properties", "--add"]
    return [(each, shlex.join([*begin, "--allow-principal", principal, *each.arguments()])) for each in ROLES[role](at)]
