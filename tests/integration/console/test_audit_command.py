"""`leadflow audit` against a living leadflow: the verdict, a window, the monitor, and a sale that somebody copied."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from console.cluster.cluster import Cluster
from console.cluster.worker_process import CODE
from console.demo.cast import START, cast, drain, import_leads, pretended, write_leads
from console.producing import Outgoing, Sender
from console.reach import Reach
from schemas.topics import CLOSED, SOLD
from streams.stage import Message
from tests.integration.console.conftest import run, words

LEADS = 150
LIMIT_S = 60.0
pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Reach]]:
    folder = tmp_path_factory.mktemp("audited")
    file, _ = write_leads(folder, LEADS, seed=5)
    with cast(folder / "data", pretended(os.environ), lambda _: None, lambda _: None) as (cluster, way):
        import_leads(cluster, way, file, LEADS, lambda: None)
        drain(cluster, way)
        yield cluster, way


@pytest.fixture(autouse=True)
def here(live: tuple[Cluster, Reach], monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand where the cluster is."""
    for name, value in live[0].environment().items():
        if name.startswith("LEADFLOW_"):
            monkeypatch.setenv(name, value)


def test_the_verdict_adds_up_and_lists_the_caps() -> None:
    done = run("audit", "--caps")
    assert done.exit_code == 0, done.output
    said = words(done)
    assert f"{LEADS} received = " in said
    assert "0 lost, 0 sold twice, 0 over cap" in said
    assert "leads a day" in said


def test_a_window_of_time_or_offsets_judges_a_part_of_the_leads() -> None:
    before = json.loads(run("audit", "--json", "--to", f"{START:%Y-%m-%dT%H:%M}").stdout)
    assert before["figures"]["received"] == 0
    since = json.loads(run("audit", "--json", "--from", f"{START:%Y-%m-%dT%H:%M}").stdout)
    assert since["good"], since["findings"]
    assert since["figures"]["received"] == LEADS
    behind = json.loads(run("audit", "--json", "--from", "0:5").stdout)
    assert behind["good"], behind["findings"]
    assert 0 < behind["figures"]["received"] <= LEADS - 5
    assert run("audit", "--from", "yesterday").exit_code == 2
    assert run("audit", "--follow", "--to", "2026-06-03").exit_code == 2


def test_the_monitor_judges_all_and_tells_of_a_copied_sale(live: tuple[Cluster, Reach], tmp_path: Path) -> None:
    _, way = live
    closed = sum(1 for _ in way.reader.scan(CLOSED))
    with (tmp_path / "found").open("w+") as out, (tmp_path / "said").open("w+") as err:
        arguments = ["--follow", "--json", "--metrics-port", "0", "--from", f"{START:%Y-%m-%dT%H:%M}"]
        environ = os.environ | {"PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "console", "audit", *arguments]
        monitor = subprocess.Popen(command, stdout=out, stderr=err, cwd=CODE, env=environ)
        try:
            wait(lambda: "metrics at" in read(tmp_path / "said"), "the monitor did not start", tmp_path)
            (url,) = re.findall(r"http://127\.0\.0\.1:\d+/metrics", read(tmp_path / "said"))
            wait(lambda: value(url, "leadflow_audit_leads_total") == closed, "not all leads were judged", tmp_path)
            wait(lambda: value(url, "leadflow_audit_leads_open") == 0, "leads stay open", tmp_path)
            assert read(tmp_path / "found") == ""
            place = copy_a_sale(way)
            wait(lambda: read(tmp_path / "found").endswith("}\n"), "the copy was not told of", tmp_path)
            finding = json.loads(read(tmp_path / "found").splitlines()[0])
            named = (finding["rule"], finding["topic"], finding["partition"])
            assert named == ("right-sold-twice", SOLD, place.partition)
            assert value(url, 'leadflow_audit_findings_total{rule="right-sold-twice"}') >= 1
        finally:
            monitor.terminate()
            ended = monitor.wait(20)
    assert ended == 0, "who is told to end has not failed"
    assert "stopping (SIGTERM)" in read(tmp_path / "said")
    done = run("audit", "--wait", "0")
    assert done.exit_code == 1
    assert f"right-sold-twice: {SOLD}-{place.partition}@" in done.output


def copy_a_sale(way: Reach) -> Message:
    """Write the first sale again, as a hand would that should not."""
    sale = next(iter(way.reader.scan(SOLD)))
    sender = Sender(way.address)
    sender.send(Outgoing(SOLD, (sale.key or b"").decode(), sale.value or b""))
    sender.flush()
    return sale


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def value(url: str, series: str) -> float:
    for line in httpx.get(url, timeout=10).raise_for_status().text.splitlines():
        if line.startswith(f"{series} "):
            return float(line.rpartition(" ")[2])
    return -1.0


def wait(holds: Callable[[], bool], what: str, folder: Path) -> None:
    """Wait until it holds; fails with what the monitor has written."""
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline, f"{what}: {read(folder / 'said')}{read(folder / 'found')}"
        time.sleep(0.2)
