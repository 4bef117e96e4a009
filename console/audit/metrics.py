"""What the auditor tells Prometheus while it follows: findings by rule, how far it is, what is open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from console.audit.findings import RULES, Rule
from streams.metric_catalogue import MetricSpec

FINDINGS = MetricSpec("leadflow_audit_findings", "counter", ("rule",), "What the auditor has found, by broken rule.")
RECORDS = MetricSpec("leadflow_audit_records", "counter", (), "Records that the auditor has taken.")
LEADS = MetricSpec("leadflow_audit_leads", "counter", (), "Leads that have ended and were judged by all their records.")
OPEN = MetricSpec("leadflow_audit_leads_open", "gauge", (), "Leads on their way, as the auditor sees them.")
LAG = MetricSpec("leadflow_audit_lag_records", "gauge", (), "Offsets between the auditor and the ends of its topics.")

AUDIT_CATALOGUE: tuple[MetricSpec, ...] = (FINDINGS, RECORDS, LEADS, OPEN, LAG)
#: The closed set of the label's values.
RULE_NAMES = frozenset(str(rule) for rule in RULES)


@dataclass(slots=True)
class Watched:
    """The numbers as they are now; one thread writes them, Prometheus' reads."""

    findings: dict[Rule, int] = field(default_factory=dict)
    records: int = 0
    leads: int = 0
    open: int = 0
    lag: int = 0


class _Numbers(Collector):
    def __init__(self, watched: Callable[[], Watched]) -> None:
        self._watched = watched

    def collect(self) -> Iterable[Metric]:
        """Yield each metric; every rule has its series from the start, so that its first finding is an increase."""
        now = self._watched()
        found = CounterMetricFamily(FINDINGS.name, FINDINGS.doc, labels=FINDINGS.labels)
        for rule in RULES:
            found.add_metric([str(rule)], now.findings.get(rule, 0))
        yield found
        yield CounterMetricFamily(RECORDS.name, RECORDS.doc, value=now.records)
        yield CounterMetricFamily(LEADS.name, LEADS.doc, value=now.leads)
        yield GaugeMetricFamily(OPEN.name, OPEN.doc, value=now.open)
        yield GaugeMetricFamily(LAG.name, LAG.doc, value=now.lag)


@contextmanager
def served(watched: Callable[[], Watched], host: str, port: int) -> Iterator[int]:
    """Serve the numbers at http://HOST:PORT/metrics for a while; port 0 takes a free one. Raises OSError."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(watched))
    server, thread = start_http_server(port, host, registry)
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
