"""What Kafka refuses us for want of a permission, in words: which one, on what, and how to grant it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from confluent_kafka import KafkaError

from schemas.errors import NeedsPerson

TOPIC: Final = KafkaError.TOPIC_AUTHORIZATION_FAILED
GROUP: Final = KafkaError.GROUP_AUTHORIZATION_FAILED
TRANSACTIONAL_ID: Final = KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
CLUSTER: Final = KafkaError.CLUSTER_AUTHORIZATION_FAILED

_RESOURCES = {TOPIC: "topic", GROUP: "group", TRANSACTIONAL_ID: "transactional id", CLUSTER: "cluster"}
PERMISSIONS = frozenset(_RESOURCES)
"""Codes that mean: a permission is missing."""

READ, WRITE, DESCRIBE = "Read", "Write", "Describe"

NAMED_MAX = 5
"""Names in one line; further ones are counted."""


class Forbidden(NeedsPerson):
    """A permission is missing. `topics`: those that it is missing on, as the cluster names them; empty for others."""

    def __init__(self, code: int, operation: str, names: Iterable[str]) -> None:
        """`code` is one of PERMISSIONS, `operation` Kafka's word for what is refused, `names` what it is refused on."""
        found = sorted(set(names))
        resource = _RESOURCES[code] + ("s" if len(found) > 1 else "")
        super().__init__(
            f"Kafka refuses us {operation} on {' '.join((resource, named(found))).rstrip()}: "
            "grant it to our user; `leadflow acls` prints what each role needs"
        )
        self.topics = frozenset(found) if code == TOPIC else frozenset[str]()


def named(names: Iterable[str]) -> str:
    """Return names in a row, of many the first ones and how many more there are."""
    found = sorted(names)
    more = f" and {len(found) - NAMED_MAX} more" if len(found) > NAMED_MAX else ""
    return ", ".join(found[:NAMED_MAX]) + more
