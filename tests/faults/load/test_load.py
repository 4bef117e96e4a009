"""Generated leads through two workers while a worker, the broker and Valkey die, and Valkey's data is wiped.

The end state that is expected, whatever was killed when (I1-I4 of the protocol):

    leads.received   n records, each with exactly one end: unique, or rejected with its reason
    leads.closed     each unique lead once; sold + unfilled rights = its rights
    buyers.*.leads   what leads.sold says, nothing twice
    caps             the twelve capped buyers exactly full, none passed

LEADFLOW_TEST_LOAD_S and LEADFLOW_TEST_LOAD_RATE make it longer: 120 and 500 is the trial of `docs/guarantees.md`.
"""

from __future__ import annotations

import os

import pytest

from console.audit.evidence import gather
from console.audit.verdict import judge
from console.bench import w1
from console.bench.stand import stand
from console.cluster.valkey import ValkeyServer
from tests.faults.load.harness import Ends, Load, Trial

SECONDS = int(os.environ.get("LEADFLOW_TEST_LOAD_S", "25"))
RATE = int(os.environ.get("LEADFLOW_TEST_LOAD_RATE", "150"))
DRAIN_LIMIT_S = 120.0


@pytest.mark.kafka
@pytest.mark.timeout(SECONDS + 500)
def test_stays_exact_while_workers_broker_and_valkey_die(capsys: pytest.CaptureFixture[str]) -> None:
    leads = SECONDS * RATE
    plan = w1.plan_yaml(leads).replace("sell: exclusive", "sell: {shared: 2}")
    with stand(plan) as (cluster, way):
        cluster.start_workers(2)
        cluster.wait_ready()
        kafka, valkey = cluster.kafka_server, cluster.valkey_server
        assert kafka is not None
        assert valkey is not None
        first, second = cluster.workers.values()
        with Load(way, leads, RATE) as load, Ends(way) as ends:
            trial = Trial(cluster, load, ends)
            trial.fault("kill -9 of a worker", first.kill)
            trial.fault("kill -9 of the other", second.kill)
            trial.fault("kill -9 of Valkey", valkey.kill)
            trial.fault("kill -9 of a worker again", first.kill)
            trial.fault("kill -9 of the broker", kafka.kill)
            trial.fault("Valkey killed and its data wiped", lambda: _wipe(valkey))
            trial.fault("kill -9 of the other again", second.kill)
            trial.fault("kill -9 of a worker a third time", first.kill)
            trial.wait(lambda: load.done, SECONDS + DRAIN_LIMIT_S, "sending did not end")
            trial.wait(lambda: ends.count >= leads, DRAIN_LIMIT_S, f"not all of {leads} leads ended")
        evidence = gather(way.reader, way.codec)
        verdict = judge(evidence)
    with capsys.disabled():
        print(f"\n  {leads:,} leads at {RATE}/s: {verdict}")  # noqa: T201 (the figures are what a person runs it for)
        for name, seconds in trial.recoveries_s:
            print(f"  {name}: went on after {seconds} s")  # noqa: T201
    assert verdict.good, verdict.findings[:10]
    expected = w1.mix(leads)
    assert len(evidence.unique) == expected.unique
    reasons = [one.reason for one in evidence.rejected]
    assert reasons.count("DUPLICATE") == expected.duplicates
    assert reasons.count("INVALID") == expected.invalid
    assert verdict.caps_full == w1.CAPPED_BUYERS


def _wipe(valkey: ValkeyServer) -> None:
    """Lose process and data at once; the supervisor starts an empty one."""
    valkey.kill()
    valkey.wipe()
