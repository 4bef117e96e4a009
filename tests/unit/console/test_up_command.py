"""`leadflow up` with what it cannot use: told before anything is started or made."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from console.cli import cli


def test_a_wrong_plan_is_told_before_anything_is_started(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("leadflow: 2\n", encoding="utf-8")
    done = CliRunner().invoke(cli, ["up", "--data", str(tmp_path / "data"), "--plan", str(plan)])
    assert done.exit_code == 1
    assert "plan.yaml:1: leadflow" in done.output
    assert "starting" not in done.output
    assert not (tmp_path / "data").exists()
