"""`leadflow status` and `down` on folders where nothing, half or everything runs."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from console.cluster.processes import identify
from console.cluster.state import ClusterState, PartState, write_state
from console.cluster.worker_process import Readiness
from console.commands import down, status
from console.commands.status import waiting_in_words
from console.reading import Unreachable
from console.work_left import Waiting

REASONS = ["dedup rests: no plan applied yet"]


class NotReady(BaseHTTPRequestHandler):
    """A worker's web port that has a reason."""

    def do_GET(self) -> None:
        body = json.dumps({"ready": False, "reasons": REASONS}).encode()
        self.send_response(503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: pytest shows standard error."""


@pytest.fixture
def worker_port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), NotReady) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(10)


def make_state(**changes: object) -> ClusterState:
    me = identify(os.getpid())
    fields = {
        "kafka": "127.0.0.1:1",
        "redis": "redis://127.0.0.1:2/0",
        "prefix": "",
        "group": "leadflow",
        "lead_partitions": 8,
        "buyer_partitions": 8,
        "hash_key_file": None,
        "supervisor": me,
        "parts": {"w1": PartState(identity=me), "w2": PartState(note="stays stopped (exit 78): a person is needed")},
    }
    return ClusterState(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def no_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker to ask for the plan: that part is tested on a real one."""
    monkeypatch.setattr(status, "_plan_and_pauses", lambda way: iter(()))


def run(data: Path) -> tuple[int, str]:
    result = CliRunner().invoke(status.command, ["--data", str(data)], standalone_mode=False)
    return result.return_value, result.output


def test_an_empty_folder_says_how_to_start(tmp_path: Path) -> None:
    assert run(tmp_path) == (1, f"nothing runs in {tmp_path}; `leadflow up` starts it\n")


def test_parts_readiness_and_reasons_in_80_columns(tmp_path: Path, worker_port: int, no_topics: None) -> None:
    write_state(tmp_path, make_state(ports={"w1": worker_port}))
    code, said = run(tmp_path)
    assert code == 1
    assert "not ready" in said
    assert REASONS[0] in said
    assert "w2: stays stopped (exit 78)" in said
    assert max(map(len, said.splitlines())) <= 80


def test_parts_without_a_supervisor_are_told(tmp_path: Path, no_topics: None) -> None:
    me = identify(os.getpid())
    assert me is not None
    write_state(tmp_path, make_state(supervisor=me._replace(started="0")))
    assert "Nobody looks after these parts" in run(tmp_path)[1]


def test_a_kafka_that_does_not_answer_is_not_well(
    tmp_path: Path, worker_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(way: object) -> Iterator[str]:
        yield "plan version 1"
        raise Unreachable("Kafka did not answer")

    ready = Readiness(True, (), {"ready": True})
    monkeypatch.setattr(status, "_plan_and_pauses", unreachable)
    monkeypatch.setattr(status, "ask_readiness", lambda port: ready)
    parts = {"w1": PartState(identity=identify(os.getpid()))}
    write_state(tmp_path, make_state(parts=parts, ports={"w1": worker_port}))
    code, said = run(tmp_path)
    assert "what waits are not known: Kafka did not answer" in said
    assert code == 1
    monkeypatch.setattr(status, "_plan_and_pauses", lambda way: iter(("plan version 1",)))
    assert run(tmp_path)[0] == 0


def test_a_kafka_that_is_down_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "_plan_and_pauses", lambda way: pytest.fail("Kafka was asked"))
    write_state(
        tmp_path, make_state(parts={"kafka": PartState(note="was ended by SIGKILL; starting it again at once")})
    )
    code, said = run(tmp_path)
    assert "what waits are not known: Kafka is down" in said
    assert code == 1


def test_down_where_nothing_runs_says_so(tmp_path: Path) -> None:
    write_state(tmp_path, make_state().stopped())
    result = CliRunner().invoke(down.command, ["--data", str(tmp_path)])
    assert result.output == f"nothing runs in {tmp_path}\n"


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (Waiting(Counter(), True), "nothing waits: all that came in is worked off"),
        (Waiting(Counter({"leads.unique": 1}), True), "1 record waits: leads.unique 1"),
        (
            Waiting(Counter({"leads.unique": 7, "leads.received": 40_000}), False),
            "about 40,007 records wait: leads.received 40,000, leads.unique 7",
        ),
    ],
)
def test_it_is_said_by_topic_the_longest_queue_first(now: Waiting, words: str) -> None:
    assert waiting_in_words(now) == words
