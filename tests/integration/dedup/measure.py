"""What intake costs on W1, in us of this process's CPU per lead: `python -m tests.integration.dedup.measure [LEADS]`.

Each phase is timed over the same leads, with a real Valkey beside this process; the best epoch counts.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agents.dedup.claims import Claims
from agents.dedup.hashes import Hashes
from agents.dedup.judge import Received, Rules, Valid, judge
from agents.dedup.keys import Claimant
from agents.dedup.rebuild import Rebuilder
from agents.dedup.stage import DedupStage
from agents.dedup.store import RedisStore, connect
from agents.scoring.stage import ScoringStage
from agents.views import PauseView, PlanView
from config.plan.check import check_sources
from config.plan.compiled import compile_plan
from console.bench.w1 import leads, plan_yaml
from console.cluster.valkey import ValkeyServer
from schemas.errors import Unavailable
from schemas.records import LeadReceived
from schemas.slip import Slips
from streams.stage import Batch, Message
from tests.unit.agents.intake import CODEC, NOW, Emitted, EmptyLog, batch, message, open_unique, plan_message

#: Records in an epoch, as the engine takes them under load.
EPOCH = 1000


class Bench:
    """W1's leads and the stages that take them in."""

    def __init__(self, count: int, url: str) -> None:
        self.count = count
        self.slips = Slips(CODEC)
        self.plans, self.pauses = PlanView(CODEC), PauseView(CODEC)
        compiled = compile_plan(check_sources({"w1.yaml": plan_yaml(count)}), 1)
        self.plans.apply(plan_message(compiled))
        hashes = Hashes(b"a key for measuring only")
        self.rules = Rules(compiled, hashes)
        store = RedisStore(connect(url, 1.0), "measure.")
        rebuilder = Rebuilder(store, EmptyLog(), open_unique, lambda: NOW, lambda work: work())
        self.claims = Claims(store, rebuilder)
        self.stage = DedupStage(CODEC, self.slips, self.plans, self.pauses, self.claims, hashes)
        messages = [message(lead, at) for at, lead in enumerate(leads(count, NOW - 1000))]
        self.batches = [batch(*messages[at : at + EPOCH]) for at in range(0, count, EPOCH)]
        self.emitted = Emitted()
        gc.collect()
        gc.freeze()

    def settle(self) -> None:
        """Let the first generation of claims come to be."""
        try:
            self.stage.prepare(self.batches[:1])
        except Unavailable as beginning:
            say(f"({beginning})")

    def decode(self, epoch: Batch) -> list[LeadReceived]:
        """Decode one epoch."""
        return [CODEC.decode_as(one.value or b"", LeadReceived) for one in epoch.messages]

    def judged(self, epoch: Batch) -> list[tuple[Received, Valid]]:
        """Decode and judge one epoch."""
        found = []
        for at, lead in enumerate(self.decode(epoch)):
            received = Received(lead, 0, epoch.messages[at].offset, NOW)
            verdict = judge(received, self.rules, self.pauses)
            if isinstance(verdict, Valid):
                found.append((received, verdict))
        return found

    def claim(self, valid: list[tuple[Received, Valid]]) -> None:
        """Claim one epoch."""
        rows = [v.campaign.claim.row(Claimant(v.lead_id, 0, r.offset, NOW), v.keys) for r, v in valid]
        self.claims.claim(rows, self.rules.claims)

    def build(self, valid: list[tuple[Received, Valid]]) -> None:
        """Build slip and lead of one epoch."""
        for received, verdict in valid:
            verdict.campaign.validator.lead(verdict.values)
            self.stage._slip(received, verdict, self.rules, NOW)

    def intake(self, epoch: Batch) -> None:
        """Take one epoch in, as the engine lets the stage do it."""
        self.emitted.clear()
        self.stage.prepare([epoch])
        self.stage.process(epoch, self.emitted)
        self.stage.confirm()

    def uniques(self) -> list[Batch]:
        """Return the unique leads as the next stage gets them."""
        values = []
        for epoch in self.batches:
            self.intake(epoch)
            values += [value for topic, value, _, _ in self.emitted.records if topic == "leads.unique"]
        messages = [Message("leads.unique", 0, at, NOW, b"", value) for at, value in enumerate(values)]
        return [batch(*messages[at : at + EPOCH]) for at in range(0, len(messages), EPOCH)]


def cost_us(work: Callable[[Any], object], epochs: list[Any], count: int) -> float:
    """Return us of CPU per lead in the best epoch of three runs: the one that other work disturbed least."""
    costs = []
    for _ in range(3):
        for epoch in epochs:
            began = time.process_time()
            work(epoch)
            costs.append(time.process_time() - began)
    return min(costs) * len(epochs) / count * 1e6


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{text}\n")


def measure(bench: Bench) -> None:
    """Write one line a phase."""
    bench.settle()
    decode = cost_us(bench.decode, bench.batches, bench.count)
    decode_and_judge = cost_us(bench.judged, bench.batches, bench.count)
    valid = [bench.judged(epoch) for epoch in bench.batches]
    gc.freeze()
    lines = {
        "decode": decode,
        "validate, normalise, identity, keys": decode_and_judge - decode,
        "claim, this side of Redis": cost_us(bench.claim, valid, bench.count),
        "build Slip and Lead": cost_us(bench.build, valid, bench.count),
        "prepare": cost_us(lambda epoch: bench.stage.prepare([epoch]), bench.batches, bench.count),
        "prepare, process, confirm": cost_us(bench.intake, bench.batches, bench.count),
    }
    uniques = bench.uniques()
    scoring = ScoringStage(bench.slips, bench.plans)

    def score(epoch: Batch) -> None:
        bench.emitted.clear()
        scoring.prepare([epoch])
        scoring.process(epoch, bench.emitted)

    lines["scoring: prepare, process"] = cost_us(score, uniques, sum(len(epoch.messages) for epoch in uniques))
    for phase, cost in lines.items():
        say(f"{phase:40}{cost:6.2f} us")


def main(count: int) -> None:
    """Measure with a Valkey that lives as long."""
    with tempfile.TemporaryDirectory() as folder:
        server = ValkeyServer(Path(folder))
        server.start()
        try:
            measure(Bench(count, server.url))
        finally:
            server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
