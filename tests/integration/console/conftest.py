"""A leadflow without workers: topics on the session's broker, under a prefix of this test."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import config.plan.samples as samples
from console.cli import cli
from console.reach import Reach, reach
from schemas.topics import OFFERS, PAUSES, PLAN, RECEIVED, catalogue

DEMO_PLAN = Path(next(iter(samples.__path__))) / "demo.yaml"


@pytest.fixture
def environ(kafka: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a person at this leadflow; set for the test."""
    own = {
        "LEADFLOW_KAFKA": kafka,
        "LEADFLOW_PREFIX": prefix,
        "LEADFLOW_DATA": str(tmp_path / "data"),
        "LEADFLOW_HASH_KEY": "made up for tests",
        "LEADFLOW_LEAD_PARTITIONS": "2",
        "LEADFLOW_BUYER_PARTITIONS": "2",
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    return own


@pytest.fixture
def way(environ: dict[str, str]) -> Reach:
    """A way to a leadflow that has the topics which the console writes to, and no plan."""
    found = reach(environ)
    found.topic_admin.create(
        [spec for spec in catalogue() if spec.name in (RECEIVED, PLAN, OFFERS, PAUSES)], found.sizes
    )
    return found


@pytest.fixture
def demo_plan(tmp_path: Path) -> Path:
    """The demo's plan in a file that the test may change."""
    path = tmp_path / "plan.yaml"
    path.write_text(DEMO_PLAN.read_text(encoding="utf-8"), encoding="utf-8")
    return path


def run(*arguments: str, stdin: str | None = None) -> Result:
    """Run the command line as a person would."""
    return CliRunner().invoke(cli, list(arguments), input=stdin, catch_exceptions=True)


def words(done: Result) -> str:
    """Return what was printed as one line, however it was wrapped."""
    return " ".join(done.output.split())
