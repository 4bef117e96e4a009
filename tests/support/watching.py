"""Read what watches leadflow, the alert rules and the dashboard, as data for tests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from console.audit.metrics import AUDIT_CATALOGUE
from streams.metric_catalogue import CATALOGUE
from tests.support import core_yaml
from tests.support.checkout import ROOT

PROMETHEUS = ROOT / "config" / "prometheus"
GRAFANA = ROOT / "config" / "grafana"

#: Names in expressions that Prometheus makes itself.
MADE_BY_PROMETHEUS = frozenset({"up", "ALERTS"})
_NAME = re.compile(r'\b(?:leadflow_[a-z_]+|up|ALERTS)\b(?!\s*(?:=~|!~|!=|=)\s*")')
_QUOTED = re.compile(r'"[^"]*"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\([^)]*\)")


class Rule(NamedTuple):
    """One alert."""

    name: str
    expr: str
    severity: str
    summary: str


class Panel(NamedTuple):
    """One panel of the dashboard."""

    title: str
    exprs: tuple[str, ...]
    raw: dict[str, Any]


def yaml(path: Any) -> Any:
    """Return the content of a YAML file."""
    return core_yaml.load(path.read_text(encoding="utf-8"))


def rules() -> list[Rule]:
    """Return all alerts in the order of the file."""
    groups = yaml(PROMETHEUS / "alerts.yml")["groups"]
    return [
        Rule(rule["alert"], rule["expr"], rule["labels"]["severity"], rule["annotations"]["summary"])
        for group in groups
        for rule in group["rules"]
    ]


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    loaded: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "overview.json").read_text(encoding="utf-8"))
    return loaded


def panels() -> list[Panel]:
    """Return all panels of the dashboard that show something; rows are left out."""
    return [
        Panel(raw["title"], tuple(target["expr"] for target in raw["targets"]), raw)
        for raw in dashboard()["panels"]
        if raw["type"] != "row"
    ]


def names_in(expr: str) -> set[str]:
    """Return the names of metrics in an expression, as they are exported."""
    return set(_NAME.findall(_GROUPING.sub(" ", _QUOTED.sub('""', expr))))


def exported() -> Iterator[str]:
    """Yield the names under which the metrics of both catalogues are exported."""
    for spec in (*CATALOGUE, *AUDIT_CATALOGUE):
        if spec.kind == "counter":
            yield f"{spec.name}_total"
        elif spec.kind == "histogram":
            yield from (f"{spec.name}_bucket", f"{spec.name}_sum", f"{spec.name}_count")
        else:
            yield spec.name


def runnable(expr: str) -> str:
    """Return an expression of the dashboard as Prometheus takes it."""
    return expr.replace("$__rate_interval", "15s").replace("$__range", "1h")
