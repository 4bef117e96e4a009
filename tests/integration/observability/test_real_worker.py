"""A real worker sells leads; what it tells Prometheus is the catalogue, and the dashboard and the alerts can be read.

Prometheus is no package of ours: without it the queries are skipped and say so. The metrics themselves are always read.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from schemas.topics import source_topics
from streams.metric_catalogue import CATALOGUE, LABEL_VALUES
from tests.integration.observability.prometheus import Prometheus, prometheus
from tests.support.one_worker import OneWorker, one_worker
from tests.support.watching import Panel, panels, rules, runnable

LEADS = 400
LIMIT_S = 60.0
#: Panels that are empty as long as nothing is wrong or being restored.
EMPTY_WHEN_ALL_IS_WELL = {"Restore", "Set aside", "Passed on to the next buyer, by reason"}

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def worker(kafka: str, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneWorker]:
    with one_worker(kafka, valkey, tmp_path_factory.mktemp("observed")) as running:
        running.sell(LEADS, seed=5)
        yield running


@pytest.fixture(scope="module")
def auditor(worker: OneWorker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An auditor that follows; its metrics' host and port."""
    said = tmp_path_factory.mktemp("auditor") / "said"
    command = [sys.executable, "-m", "console", "audit", "--follow", "--metrics-port", "0"]
    with said.open("wb") as sink:
        process = subprocess.Popen(command, env=worker.environ, stdout=sink, stderr=sink)
    try:
        _wait_until(lambda: b"metrics at" in said.read_bytes(), "the auditor")
        yield said.read_text(encoding="utf-8").partition("http://")[2].partition("/metrics")[0]
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def watched(worker: OneWorker, auditor: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus, which has seen leads go by: rates need two samples and something between them."""
    binary = shutil.which("prometheus")
    if not binary:
        pytest.skip("prometheus is not installed")
    with prometheus(
        binary, tmp_path_factory.mktemp("prometheus"), worker.url.removeprefix("http://"), auditor
    ) as running:
        first = "leadflow_ready and on() leadflow_audit_leads_open"
        _wait_until(lambda: running.query(first) != [], "the first samples")
        worker.sell(LEADS, seed=6)
        ended = worker.ended()
        _wait_until(lambda: running.value(ENDED) >= ended, "the last sale to be seen")
        _wait_until(lambda: running.value(JUDGED) > 0, "a lead to be judged")
        yield running


ENDED = 'sum(leadflow_leads_total{stage="settlement"}) + sum(leadflow_leads_total{outcome="rejected"})'
JUDGED = "sum(leadflow_audit_leads_total)"


def _wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline, f"waited {LIMIT_S:.0f} s for {what}"
        time.sleep(0.2)


def test_a_worker_exports_the_catalogue_and_nothing_else(worker: OneWorker) -> None:
    families = {family.name: family for family in text_string_to_metric_families(worker.metrics())}
    assert set(families) == {spec.name for spec in CATALOGUE}
    for spec in CATALOGUE:
        assert families[spec.name].type == spec.kind
        for sample in families[spec.name].samples:
            assert set(sample.labels) - {"le"} == set(spec.labels), sample.name
            for label, value in sample.labels.items():
                assert value in LABEL_VALUES.get(label, {value}), sample


def test_status_knows_workers_that_nobody_here_has_started(worker: OneWorker) -> None:
    said = worker.command("status")
    partitions = 2 * len(source_topics())
    assert re.search(rf"^w1 +127\.0\.0\.1 +{partitions} *$", said, re.MULTILINE), said
    assert "plan version 1" in said
    assert "nothing waits" in said
    gone = subprocess.run(
        [sys.executable, "-m", "console", "status"],
        env=worker.environ | {"LEADFLOW_GROUP": "nobody"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert gone.returncode == 1
    assert f"no worker is in the group {worker.prefix}nobody" in gone.stdout


def test_what_it_counts_adds_up(worker: OneWorker) -> None:
    families = {family.name: family for family in text_string_to_metric_families(worker.metrics())}
    leads = {
        (sample.labels["stage"], sample.labels["outcome"], sample.labels["reason"]): sample.value
        for sample in families["leadflow_leads"].samples
        if sample.name == "leadflow_leads_total"
    }
    unique = leads["dedup", "unique", ""]
    rejected = sum(count for (stage, outcome, _), count in leads.items() if (stage, outcome) == ("dedup", "rejected"))
    assert unique + rejected == LEADS
    assert leads["scoring", "scored", ""] == unique
    assert sum(count for (stage, _, _), count in leads.items() if stage == "settlement") == unique
    sales = leads["delivery", "sold", ""]
    assert sales > 0
    timed = {sample.name: sample.value for sample in families["leadflow_received_to_sold_seconds"].samples}
    assert timed["leadflow_received_to_sold_seconds_count"] == sales
    fills = {tuple(sample.labels.values()): sample.value for sample in families["leadflow_cap_used_ratio"].samples}
    assert max(fills.values()) > 0
    assert all(0 <= ratio <= 1 for ratio in fills.values()), fills
    owned = {sample.labels["topic"]: sample.value for sample in families["leadflow_partitions_owned"].samples}
    assert set(owned) == {spec.name for spec in source_topics()}
    (ready,) = families["leadflow_ready"].samples
    assert ready.value == 1


def test_prometheus_reads_the_worker_and_the_auditor(watched: Prometheus) -> None:
    assert watched.targets() == ["up", "up"]


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel.title)
def test_every_query_of_the_dashboard_has_an_answer(watched: Prometheus, panel: Panel) -> None:
    found = {expr: watched.query(runnable(expr)) for expr in panel.exprs}
    if panel.title not in EMPTY_WHEN_ALL_IS_WELL:
        assert any(found.values()), f"empty: {list(found)}"


def test_every_alert_is_evaluated_and_none_fires(watched: Prometheus) -> None:
    _wait_until(lambda: "unknown" not in watched.alerts().values(), "every rule to be evaluated")
    assert watched.alerts() == {rule.name: "ok" for rule in rules()}
    assert [alert["metric"] for alert in watched.query('ALERTS{alertstate="firing"}')] == []
