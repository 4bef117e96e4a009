"""Offsets of a group whose coordinator has moved, or is not there yet: asked again, and nobody dies of it."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from config.kafka import KafkaSettings
from streams.kafka.topic_admin import TopicAdmin
from streams.stage import TopicPartition
from tests.support.checkout import ROOT

NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE = 16, 15
API_VERSIONS, METADATA, FIND_COORDINATOR, OFFSET_FETCH, OFFSET_COMMIT, DESCRIBE_GROUPS = 18, 3, 10, 9, 8, 15
#: The oldest layouts that librdkafka speaks: each request with its newest version here.
SPOKEN = {API_VERSIONS: 3, METADATA: 2, FIND_COORDINATOR: 1, OFFSET_FETCH: 5, OFFSET_COMMIT: 3, DESCRIBE_GROUPS: 0}
OFFSET = 5
#: In a process of its own: what is tried here once ended it by SIGSEGV.
ASK = """
import sys
from console.reading import Address, Reader
from streams.stage import TopicPartition
print(Reader(Address(sys.argv[1])).committed("g", [TopicPartition("t", 0)]))
"""


def text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()


class Broker:
    """One broker with one topic and one group, which refuses to tell offsets as often as it is told to."""

    def __init__(self, refusals: list[int]) -> None:
        self.refusals = refusals
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._server.accept()[0],), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as stream:
            while len(size := stream.read(4)) == 4:
                request = stream.read(*struct.unpack(">i", size))
                key, version, number = struct.unpack(">hhi", request[:8])
                answer = struct.pack(">i", number) + self._answer(key, version)
                connection.sendall(struct.pack(">i", len(answer)) + answer)

    def _answer(self, key: int, version: int) -> bytes:
        here = struct.pack(">i", 1) + text("127.0.0.1") + struct.pack(">i", self.port)
        if key == API_VERSIONS:
            spoken = b"".join(struct.pack(">hhhB", each, 0, newest, 0) for each, newest in SPOKEN.items())
            return struct.pack(">hB", 0, len(SPOKEN) + 1) + spoken + struct.pack(">iB", 0, 0)
        if key == METADATA:
            leader = struct.pack(">ihiiiiii", 1, 0, 0, 1, 1, 1, 1, 1)
            cluster = struct.pack(">h", -1) + text("c") + struct.pack(">i", 1)
            return struct.pack(">i", 1) + here + cluster + struct.pack(">ih", 1, 0) + text("t") + b"\0" + leader
        if key == FIND_COORDINATOR:
            return struct.pack(">ihh", 0, 0, -1) + here
        if key == DESCRIBE_GROUPS:
            described = struct.pack(">h", 0) + text("g") + text("Empty") + text("") + text("") + struct.pack(">i", 0)
            return struct.pack(">i", 1) + described
        error = self.refusals.pop() if self.refusals else 0
        if key == OFFSET_COMMIT:
            partition = struct.pack(">iih", 1, 0, error)
            return struct.pack(">ii", 0, 1) + text("t") + partition
        offset = struct.pack(">iqi", 0, OFFSET, -1) + text("") + struct.pack(">h", 0)
        return struct.pack(">ii", 0, 1) + text("t") + struct.pack(">i", 1) + offset + struct.pack(">h", error)


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker([])
    yield made
    made.close()


@pytest.mark.parametrize("refusal", [NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE])
def test_a_coordinator_that_has_moved_is_asked_for_again(broker: Broker, refusal: int) -> None:
    broker.refusals = [refusal] * 3
    done = subprocess.run(
        [sys.executable, "-c", ASK, f"127.0.0.1:{broker.port}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, broker.refusals) == (0, []), done.stderr
    assert f"partition=0): {OFFSET}" in done.stdout


@pytest.mark.parametrize("refusal", [NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE])
def test_first_offsets_are_committed_again_by_a_coordinator_that_has_moved(broker: Broker, refusal: int) -> None:
    broker.refusals = [refusal] * 3
    topics = TopicAdmin(KafkaSettings(f"127.0.0.1:{broker.port}", group="g", name="w1", prefix=""))
    topics._commit_zero([TopicPartition("t", 0)])
    assert broker.refusals == []
