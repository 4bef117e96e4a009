"""An import that is interrupted and repeated: every row arrives, under the identity it had the first time."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from console.demo import leads
from console.reach import Reach
from schemas.records import LeadReceived
from tests.integration.console.conftest import run

ROWS = 24_000
ROOT = Path(__file__).resolve().parents[3]


def received(way: Reach) -> list[str]:
    records = [way.codec.decode_as(m.value, LeadReceived) for m in way.reader.scan("leads.received") if m.value]
    return [record.supplier_lead_id for record in records]


def count(way: Reach) -> int:
    return sum(way.reader.ends(way.reader.partitions("leads.received")).values())


def test_an_interrupted_import_is_gone_on_with_by_repeating_it(way: Reach, demo_plan: Path, tmp_path: Path) -> None:
    assert run("plan", "apply", str(demo_plan), "--yes").exit_code == 0
    file = tmp_path / "many.csv"
    leads.write(leads.make(ROWS, 5), file)
    command = ["import", str(file), "--campaign", "solar-us", "--supplier", "acme-forms", "--yes"]
    far, near = pty.openpty()  # a terminal, as a person has one
    running = subprocess.Popen([sys.executable, "-m", "console", *command], cwd=ROOT, stdout=near, stderr=near)
    os.close(near)
    with ThreadPoolExecutor(1) as beside:  # a terminal that nobody reads holds up who writes to it
        reading = beside.submit(_read, far)
        try:
            deadline = time.monotonic() + 60
            while count(way) == 0 and running.poll() is None:
                assert time.monotonic() < deadline, "nothing was received within 60 s"
                time.sleep(0.01)
            running.send_signal(signal.SIGINT)
            said = reading.result(60)
            assert running.wait(30) == 130, said
        finally:
            running.kill()
    first = received(way)
    assert f"stopped after {len(first):,} lead" in " ".join(said.split())
    assert 0 < len(first) < ROWS
    assert run(*command).exit_code == 0
    assert Counter(received(way)) - Counter(first) == Counter(lead.row["Lead ID"] for lead in leads.make(ROWS, 5))


def _read(terminal: int) -> str:
    """Read what was printed until the other side is closed."""
    parts = []
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # how Linux says that nobody holds the other side any more
            break
        if not part:
            break
        parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode("utf-8", "replace")
