"""A plan changes under load: in force within 3 s, those it does not name go on selling, a wrong one changes nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from config.plan import load_plan, read_files
from console.applying import apply, check, prepare_topics, step_to
from console.audit.evidence import gather
from console.audit.topics import audit
from console.bench.stand import stand
from console.cluster.cluster import Cluster
from console.producing import Outgoing, Sender
from console.reach import Reach
from schemas.records import LeadReceived, LeadSold
from schemas.topics import CLOSED, RECEIVED, SOLD

LEADS_PER_S = 60
IN_FORCE_MS = 3000
GAP_MS = 5000
LIMIT_S = 60.0

HEAD = """\
leadflow: 1
currency: USD
week_starts: monday
campaigns:
  live:
    fields:
      first_name: {type: text, required: true}
      email:      {type: email, required: true}
    dedupe: none
    sell_within: 1h
    distribution: {sell: {shared: 6}, method: weighted_round_robin}
suppliers:
  forms: {campaigns: {live: {payout: 1.00, owed: on_first_sale}}}
buyers:
"""


def buyer(name: str, *, price: str = "5.00", caps: str = "unlimited") -> str:
    """Return a buyer that takes every lead."""
    return (
        f"  {name}:\n    name: {name}\n    time_zone: America/Chicago\n    hours: always\n    when_closed: skip\n"
        f"    tests: false\n    caps: {caps}\n    delivery: topic\n    contracts:\n"
        f"      {name}-c: {{campaign: live, accept: everything, price: {price}, weight: 1, caps: unlimited}}\n"
    )


class Stream:
    """Sends leads at a steady pace until told to stop."""

    def __init__(self, way: Reach) -> None:
        self._way = way
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent = 0

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        sender = Sender(self._way.address)
        while not self._stop.wait(1 / LEADS_PER_S):
            now = self._way.clock.now_ms()
            lead = LeadReceived(f"p{self.sent}", "live", "forms", now, first_name="Ada", email="ada@example.com")
            sender.send(Outgoing(RECEIVED, lead.supplier_lead_id, self._way.codec.encode(lead)))
            self.sent += 1
        sender.flush()


def change(way: Reach, folder: Path, text: str) -> int:
    """Put a plan into force; return the time at which it was applied."""
    path = folder / "next.yaml"
    path.write_text(text, encoding="utf-8")
    step = step_to(load_plan(path), read_files(path), way.newest_plan())
    check(step, ())
    prepare_topics(step.plan, way.topic_admin, way.sizes)
    apply(way, step)
    return way.clock.now_ms()


def wait(cluster: Cluster, holds: Iterator[bool] | None, seconds: float) -> None:
    """Keep the cluster going until `holds` yields True, or for a stretch of work that is to be looked at."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        cluster.round()
        if holds is not None and next(holds):
            return
        threading.Event().wait(0.1)
    assert holds is None, f"it did not come about within {seconds} s"


def _all_closed(way: Reach, stream: Stream) -> Iterator[bool]:
    while True:
        yield sum(1 for _ in way.reader.scan(CLOSED)) >= stream.sent


def _sold_something(way: Reach) -> Iterator[bool]:
    while True:
        yield any(True for _ in way.reader.scan(SOLD))


@pytest.mark.kafka
@pytest.mark.timeout(240)
def test_a_change_is_in_force_within_three_seconds_and_others_go_on(tmp_path: Path) -> None:
    before = HEAD + "".join(map(buyer, ("lowered", "dearer", "untouched", "paused")))
    after = HEAD + (
        buyer("lowered", caps="{leads: {day: 5}}") + buyer("dearer", price="9.00") + buyer("untouched")
        + buyer("paused") + buyer("added")
    )  # fmt: skip
    with stand(before) as (cluster, way):
        cluster.start_workers(2)
        cluster.wait_ready()
        with Stream(way) as stream:
            wait(cluster, _sold_something(way), LIMIT_S)
            wait(cluster, None, 4)
            changed_at = change(way, tmp_path, after)
            paused_at = _pause(cluster, "paused")
            wait(cluster, None, 8)
            refused = _apply_wrong(cluster, tmp_path)
            wait(cluster, None, 2)
        wait(cluster, _all_closed(way, stream), LIMIT_S)
        evidence = gather(way.reader, way.codec)
        verdict = audit(way.reader, way.codec)
        versions = way.plan_versions()
    assert verdict.good, verdict.findings[:10]
    by_buyer = {name: _sales(evidence.sold, name) for name in ("lowered", "dearer", "untouched", "paused", "added")}
    assert by_buyer["lowered"], "it sold before"
    assert by_buyer["lowered"][-1].sold_at < changed_at + IN_FORCE_MS
    late = [sale for sale in by_buyer["dearer"] if sale.sold_at > changed_at + IN_FORCE_MS]
    assert {sale.price_minor for sale in late} == {900}
    assert by_buyer["dearer"][0].price_minor == 500
    assert by_buyer["paused"][-1].sold_at < paused_at + IN_FORCE_MS
    assert by_buyer["added"][0].sold_at < changed_at + IN_FORCE_MS
    assert _longest_gap_ms(by_buyer["untouched"]) < GAP_MS
    assert by_buyer["untouched"][-1].sold_at > changed_at + IN_FORCE_MS
    assert len(versions) == 2, "a wrong plan makes no version"
    assert "next.yaml:" in refused
    assert "EST" in refused
    assert "accept" in refused


def _pause(cluster: Cluster, name: str) -> int:
    _leadflow(cluster, "pause", "buyer", name, expect=0)
    return int(time.time() * 1000) - _real_minus_pretended(cluster)


def _real_minus_pretended(cluster: Cluster) -> int:
    from console.reach import reach

    clock = reach(cluster.environment()).clock
    return clock.real_ms() - clock.now_ms()


def _apply_wrong(cluster: Cluster, folder: Path) -> str:
    """Apply a plan with two faults by the command; return what it said."""
    wrong = HEAD + buyer("lowered").replace("America/Chicago", "EST").replace("accept: everything, ", "")
    (folder / "next.yaml").write_text(wrong, encoding="utf-8")
    return _leadflow(cluster, "plan", "apply", str(folder / "next.yaml"), "--yes", expect=1)


def _leadflow(cluster: Cluster, *words: str, expect: int) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "console", *words],
        env=cluster.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def _sales(sold: list[LeadSold], name: str) -> list[LeadSold]:
    return sorted((sale for sale in sold if sale.buyer_id == name), key=lambda sale: sale.sold_at)


def _longest_gap_ms(sales: list[LeadSold]) -> int:
    return max(later.sold_at - earlier.sold_at for earlier, later in pairwise(sales))
