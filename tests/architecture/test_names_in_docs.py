"""Whatever the documents name is there: tests, files, rooms, settings, metrics, alerts, faults, steps of a start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache

from config.settings import OTHER_VARIABLES, Settings
from console.faults.all_faults import CATALOGUE as FAULTS
from console.faults.worker import STEPS as STEPS_OF_AN_EPOCH
from streams.lanes import LaneStatus
from streams.metric_catalogue import POISON_REASONS
from streams.start_steps import STEPS
from tests.support.checkout import PACKAGES, ROOT, tracked
from tests.support.watching import exported, rules

DOCS = ROOT / "docs"
RUNBOOK = (DOCS / "runbook.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(rf"(?<![\w/])(?:\./)?((?:{'|'.join((*PACKAGES, 'tests', 'docs'))})/[\w./*-]*)")
TEST = re.compile(r"(?:(tests/[\w/]+\.py)::)?\b(test_\w+)\b(?!\.py)")
#: Files that say the same to operators without being documents.
WATCHING = ("docker-compose.yml", "Dockerfile", "config/prometheus/*.yml", "config/grafana/dashboards/*.json")


@cache
def documents(*more: str) -> tuple[tuple[str, str], ...]:
    """Return (name, text) of each document, and of the files that `more` names."""
    found = [(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in tracked("*.md", *more)]
    assert len(found) > 20
    return tuple(found)


def code() -> Iterator[tuple[str, str]]:
    """Yield (document, piece) for whatever stands between backticks on one line."""
    for name, text in documents():
        yield from ((name, piece) for piece in CODE.findall(text))


@cache
def _tests_of(path: str) -> frozenset[str]:
    """Return the names of the tests that a file of the checkout defines; `*`: those of all."""
    files = (ROOT / "tests").rglob("*.py") if path == "*" else [ROOT / path]
    return frozenset(
        name for file in files if file.exists() for name in re.findall(r"def (test_\w+)", file.read_text("utf-8"))
    )


def rows(text: str, head: str) -> list[str]:
    """Return the first cells of the table that begins with this line."""
    (body,) = re.findall(rf"^{re.escape(head)}\n\|[ -|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [line.split(" | ")[0].removeprefix("| ") for line in body.splitlines()]


# --- the checkout ------------------------------------------------------------------------------------------------


def test_tests_are_where_they_are_said_to_be() -> None:
    found = [(name, *match) for name, piece in code() for match in TEST.findall(piece)]
    assert len(found) > 40
    assert [one for one in found if one[2] not in _tests_of(one[1] or "*")] == []


def test_files_and_folders_exist() -> None:
    found = [(name, path) for name, piece in code() for path in PATH.findall(piece)]
    assert len(found) > 60
    assert [one for one in found if not list(ROOT.glob(one[1].rstrip("/.")))] == []


def test_rooms_of_the_engine_exist() -> None:
    found = rooms("step \\| rooms")
    assert len(found) > 30
    assert found - modules("streams") == set()


def test_rooms_of_the_client_are_all_told() -> None:
    assert rooms("room of `streams/kafka/` \\| what") == modules("streams/kafka")


def rooms(head: str) -> set[str]:
    """Return the modules that a table of the architecture page names."""
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    table = re.search(rf"^\| {head} \|.*\n\|[ -|]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert table
    return {name.removesuffix(".py") for name in CODE.findall(table[1])}


def modules(folder: str) -> set[str]:
    """Return the modules of a folder."""
    return {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}


def test_every_page_is_found_from_the_readme_and_every_decision_from_its_index() -> None:
    readme, index = ((ROOT / path).read_text("utf-8") for path in ("README.md", "docs/decisions/README.md"))
    beside = "".join(text for name, text in documents() if name.count("/") == 1)
    linked = {*re.findall(r"\]\(docs/([\w.]+)", readme), *re.findall(r"\]\(([\w.]+)", beside)}
    assert {path.name for path in tracked("docs/*.md") if path.parent == DOCS} <= linked
    for path in tracked("docs/decisions/0*.md"):
        number, title = path.name[:4], path.read_text("utf-8").splitlines()[0]
        assert re.fullmatch(rf"# {number} \S.*", title)
        assert f"[{number}]({path.name})" in index


# --- what people set and watch -----------------------------------------------------------------------------------


def test_settings_are_settings() -> None:
    known = {f"LEADFLOW_{field.upper()}" for field in Settings.model_fields}
    found = [(name, word) for name, text in documents(*WATCHING) for word in re.findall(r"\bLEADFLOW_[A-Z_]+", text)]
    assert len(found) > 60
    assert [one for one in found if one[1] not in known and not one[1].startswith(OTHER_VARIABLES)] == []


def test_metrics_are_metrics() -> None:
    known = {full for name in exported() for full in (name, re.sub(r"_(total|bucket)$", "", name))}
    found = [(name, word) for name, piece in code() for word in re.findall(r"\bleadflow_[a-z_]+", piece)]
    assert len(found) > 25
    assert [one for one in found if one[1] not in known] == []


def test_alerts_are_alerts() -> None:
    known = {rule.name for rule in rules()}
    found = re.findall(r"\bLeadflow[A-Z]\w+", "".join(text for name, text in documents() if name != "docs/metrics.md"))
    assert len(set(found)) == len(known), "the runbook has them all"
    assert set(found) == known


def test_every_word_of_a_lane_that_does_not_run_is_explained() -> None:
    said = "".join(rows(RUNBOOK, "| it says | do |"))
    quiet = {LaneStatus.AWAY, LaneStatus.RUNNING}
    assert [each.value for each in LaneStatus if each not in quiet and each.value not in said] == []


def test_every_reason_for_setting_aside_is_explained() -> None:
    assert sorted(CODE.findall("".join(rows(RUNBOOK, "| reason | mostly |")))) == sorted(POISON_REASONS)


def test_every_step_of_a_start_is_explained() -> None:
    assert rows(RUNBOOK, "| step | until then | when it is long |") == [f"`{step}`" for step in STEPS]


def test_every_fault_is_explained_and_no_other() -> None:
    page = (DOCS / "faults.md").read_text(encoding="utf-8")
    told = CODE.findall("".join(rows(page, "| faults | how |")))
    meant = {name: {fault for fault in FAULTS if fnmatch(fault, name)} for name in told}
    assert [name for name, faults in meant.items() if not faults] == []
    between = {
        f"kill-{step.replace(' ', '-')}" for step in STEPS_OF_AN_EPOCH
    }  # of these the page names the first and the last
    assert set(FAULTS) == set.union(between, *meant.values())
