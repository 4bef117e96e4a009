"""Alert rules and dashboard name what workers export, and docker-compose.yml mounts them where they are looked for."""

from __future__ import annotations

import re
from itertools import combinations

from console.audit.metrics import AUDIT_CATALOGUE, FINDINGS, LAG
from console.commands.audit import METRICS_PORT
from schemas.errors import Poison
from streams.dead_letters import reason_of
from streams.epoch import TooLarge
from streams.metric_catalogue import CATALOGUE, LABEL_VALUES, POISON_REASONS
from streams.poison import KillsProcess
from tests.support.checkout import ROOT
from tests.support.watching import (
    GRAFANA,
    MADE_BY_PROMETHEUS,
    PROMETHEUS,
    dashboard,
    exported,
    names_in,
    panels,
    rules,
    yaml,
)

COLUMNS = 24
EXPRESSIONS = [(rule.name, rule.expr) for rule in rules()] + [
    (panel.title, expr) for panel in panels() for expr in panel.exprs
]
#: Labels that Prometheus adds, or that are of its own metrics.
LABELS_OF_PROMETHEUS = {"instance", "job", "le", "alertname", "alertstate"}
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")


def test_every_metric_is_one_that_workers_export() -> None:
    known = {*exported(), *MADE_BY_PROMETHEUS}
    for where, expr in EXPRESSIONS:
        names = names_in(expr)
        assert names, where
        assert names <= known, where


def test_every_label_and_its_value_exist() -> None:
    specs = (*CATALOGUE, *AUDIT_CATALOGUE)
    for where, expr in EXPRESSIONS:
        bases = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in names_in(expr)}
        known = {label for spec in specs if spec.name in bases for label in spec.labels} | LABELS_OF_PROMETHEUS
        for label, operator, value in MATCHER.findall(expr):
            assert label in known, where
            if label in LABEL_VALUES:
                wanted = value.split("|") if "~" in operator else [value]
                assert set(wanted) <= LABEL_VALUES[label], where
        for labels in GROUPING.findall(expr):
            assert {label.strip() for label in labels.split(",")} <= known, where


def test_a_guard_that_sees_nothing_would_be_seen() -> None:
    expr = 'sum by (stage) (rate(leadflow_leads_total{outcome="sold"}[5m])) > 0 unless up{job="leadflow"} == 0'
    assert names_in(expr) == {"leadflow_leads_total", "up"}
    assert names_in('leadflow_no_such_metric{up="1"}') == {"leadflow_no_such_metric"}


def test_every_reason_for_setting_aside_is_a_label_and_none_is_other() -> None:
    kinds = [Poison, KillsProcess, TooLarge]
    kinds += [kind for base in kinds for kind in base.__subclasses__()]
    assert {kind.reason for kind in kinds} | {reason_of(ValueError())} == set(POISON_REASONS)
    assert set(POISON_REASONS) <= LABEL_VALUES["reason"]


def test_every_metric_is_watched() -> None:
    watched = {name for _, expr in EXPRESSIONS for name in names_in(expr)}
    for spec in (*CATALOGUE, FINDINGS, LAG):
        assert watched & {spec.name, f"{spec.name}_total", f"{spec.name}_bucket"}, f"nobody looks at {spec.name}"


def test_alerts_have_names_of_their_own_and_say_how_urgent_they_are() -> None:
    names = [rule.name for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert re.fullmatch(r"Leadflow[A-Z][A-Za-z]+", rule.name)
        assert rule.severity in {"page", "look"}
        assert rule.summary.endswith(".")


# --- the dashboard -----------------------------------------------------------------------------------------------


def test_panels_have_ids_and_titles_of_their_own() -> None:
    raw = dashboard()["panels"]
    assert len({panel["id"] for panel in raw}) == len(raw)
    assert len({panel["title"] for panel in raw}) == len(raw)
    assert all(panel.raw["description"].endswith(".") for panel in panels())


def test_panels_lie_on_the_grid_and_none_on_another() -> None:
    places = [(panel["title"], panel["gridPos"]) for panel in dashboard()["panels"]]
    for title, place in places:
        assert place["x"] >= 0, title
        assert place["w"] > 0, title
        assert place["h"] > 0, title
        assert place["x"] + place["w"] <= COLUMNS, title
    for (first, a), (second, b) in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above, f"{first} lies on {second}"


def test_every_query_of_a_panel_asks_the_provisioned_source() -> None:
    (source,) = yaml(GRAFANA / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
    for panel in panels():
        assert panel.raw["datasource"] == {"type": source["type"], "uid": source["uid"]}, panel.title
        references = [target["refId"] for target in panel.raw["targets"]]
        assert len(set(references)) == len(references), panel.title
        assert all(target["datasource"]["uid"] == source["uid"] for target in panel.raw["targets"]), panel.title
        assert all(target["legendFormat"] for target in panel.raw["targets"]), panel.title


# --- the compose file --------------------------------------------------------------------------------------------


def services() -> dict[str, dict[str, object]]:
    loaded: dict[str, dict[str, object]] = yaml(ROOT / "docker-compose.yml")["services"]
    return loaded


def mounts(service: str) -> dict[str, str]:
    """Return folder in the checkout by folder in the container."""
    found = [str(volume).split(":") for volume in services()[service]["volumes"]]  # type: ignore[attr-defined]
    return {parts[1]: parts[0].removeprefix("./") for parts in found if parts[0].startswith("./")}


def test_prometheus_of_compose_reads_these_files_and_asks_its_workers_and_its_auditor() -> None:
    assert mounts("prometheus") == {"/etc/prometheus": str(PROMETHEUS.relative_to(ROOT))}
    assert "--config.file=/etc/prometheus/prometheus.yml" in str(services()["prometheus"]["command"])
    config = yaml(PROMETHEUS / "prometheus.yml")
    assert [(PROMETHEUS / name).exists() for name in config["rule_files"]] == [True]
    targets = {job["job_name"]: sorted(job["static_configs"][0]["targets"]) for job in config["scrape_configs"]}
    port = services()["worker-1"]["environment"]["LEADFLOW_WEB_PORT"]  # type: ignore[index]
    workers = sorted(name for name in services() if name.startswith("worker-"))
    auditors = [name for name, service in services().items() if "audit" in str(service.get("command"))]
    assert targets == {
        "leadflow": [f"{name}:{port}" for name in workers],
        "leadflow-audit": [f"{name}:{METRICS_PORT}" for name in auditors],
    }


def test_grafana_of_compose_finds_source_and_dashboard() -> None:
    found = mounts("grafana")
    assert found["/etc/grafana/provisioning"] == str((GRAFANA / "provisioning").relative_to(ROOT))
    (provider,) = yaml(GRAFANA / "provisioning" / "dashboards" / "leadflow.yml")["providers"]
    assert found[provider["options"]["path"]] == str((GRAFANA / "dashboards").relative_to(ROOT))
    (source,) = yaml(GRAFANA / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert "127.0.0.1:9090:9090" in services()["prometheus"]["ports"]  # type: ignore[operator]
