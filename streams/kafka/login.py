"""Finds out why Kafka is silent: librdkafka calls a broker that does not let it in one that does not answer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from streams.kafka.bytes import ConnectionLost
from streams.kafka.connection import Connection, Line
from streams.kafka.wire import API_VERSIONS

LIMIT_S = 3.0
"""For all brokers together. One that refuses says so within a tenth of a second."""

CLIENT = "leadflow-login"


def raise_if_refused(addresses: Iterable[tuple[str, int]], security: Mapping[str, str]) -> None:
    """Log in once by a connection of our own, with the same options, and raise NeedsPerson when that is refused.

    Returns when a broker lets us in, when none answers, and at once where nothing secures the connection. Blocks up to
    LIMIT_S. For the moment in which a question has not been answered.
    """
    if not security:
        return
    deadline = time.monotonic() + LIMIT_S
    for address in addresses:
        try:
            connection = Connection(address, Line(CLIENT, security), deadline)
            connection.ask(API_VERSIONS, b"", deadline)  # by TLS 1.3 it is an answer that says we are let in
        except ConnectionLost:
            continue
        connection.close()
        return
