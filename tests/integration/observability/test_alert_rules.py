"""Prometheus' own tool checks the files, and plays histories in which each alert fires and in which none does.

promtool comes with Prometheus, which is no package of ours: without it these tests are skipped and say so.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.watching import PROMETHEUS, rules, yaml

CASES = Path(__file__).parent / "alert_cases.yml"


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if not found:
        pytest.skip("promtool is not installed (it comes with Prometheus)")
    return found


def run(*arguments: str) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_prometheus_takes_its_settings_and_the_rules(promtool: str) -> None:
    said = run(promtool, "check", "config", str(PROMETHEUS / "prometheus.yml"))
    assert f"{len(rules())} rules found" in said


def test_each_alert_fires_in_its_history_and_none_in_a_quiet_hour(promtool: str, tmp_path: Path) -> None:
    file = tmp_path / "cases.yml"
    head = f"rule_files: ['{PROMETHEUS / 'alerts.yml'}']\n"
    file.write_text(head + CASES.read_text(encoding="utf-8"), encoding="utf-8")
    assert "SUCCESS" in run(promtool, "test", "rules", str(file))


def test_each_alert_has_a_history_in_which_it_fires_and_is_quiet_in_the_quiet_hour() -> None:
    cases = yaml(CASES)["tests"]
    fires = {test["alertname"] for case in cases for test in case["alert_rule_test"] if test.get("exp_alerts")}
    quiet = {test["alertname"] for test in cases[0]["alert_rule_test"] if not test.get("exp_alerts")}
    assert fires == quiet == {rule.name for rule in rules()}
