"""The documents say what the code says: reference pages, runbook, plan language, links."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from config import security_problems
from config.kafka import KafkaSettingsProblem
from config.plan import keys
from config.plan.check import check_sources
from config.plan.keys import Keys
from config.plan.problems import PlanProblems
from config.plan.values import KINDS
from config.security import SecurityFileProblem, read_security
from config.setting_problems import SettingsProblems
from console import cli
from schemas import errors
from schemas.errors import LeadflowError
from tests.architecture.reference_pages import DOCS, PAGES
from tests.support.checkout import PACKAGES, tracked
from tests.support.watching import rules
from tests.unit.plan.samples import REFERENCE, changed

PLAN = (DOCS / "plan.md").read_text(encoding="utf-8")
RUNBOOK = (DOCS / "runbook.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_reference_page_is_what_the_code_says(name: str) -> None:
    found = (DOCS / name).read_text(encoding="utf-8")
    assert found == PAGES[name](), "write it again: python -m tests.architecture.reference_pages"


# --- the runbook -------------------------------------------------------------------------------------------------


def headings(section: str) -> list[str]:
    """Return the headings of the runbook below one of its sections."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", RUNBOOK, re.DOTALL | re.MULTILINE)
    return re.findall(r"^### (.+)$", text, re.MULTILINE)


def subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


def raised() -> set[str]:
    """Return the names of all errors that a person may meet."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    ours = {one.__name__ for one in subclasses(LeadflowError) if one.__module__.split(".")[0] in PACKAGES}
    below = (PlanProblems, SettingsProblems, SecurityFileProblem, KafkaSettingsProblem)
    return ours | {one.__name__ for one in below}


def test_every_alert_has_a_heading_that_says_how_urgent_it_is() -> None:
    assert headings("Alerts") == [rule.name for rule in rules()]
    for rule in rules():
        assert f"### {rule.name}\n\n*{rule.severity}.* " in RUNBOOK


def test_every_exit_code_has_a_heading() -> None:
    codes = {value for module in (errors, cli) for name, value in vars(module).items() if name.startswith("EXIT_")}
    wrong_use = 2  # click's own
    assert headings("Exit codes") == [str(code) for code in sorted({0, wrong_use, *codes})]


def test_every_error_has_a_heading() -> None:
    assert sorted(headings("Errors")) == sorted(raised())


# --- the plan's language -----------------------------------------------------------------------------------------

#: Each table of keys in the order of the page, and what it describes.
TABLES: tuple[Keys, ...] = (
    keys.PLAN,
    keys.CAMPAIGN,
    keys.FIELD,
    keys.DEDUPE,
    keys.SCORING,
    keys.RULE,
    keys.DISTRIBUTION,
    keys.SUPPLIER,
    keys.SUPPLIER_TERMS,
    keys.BUYER,
    keys.CONTRACT,
    keys.PRICE,
    keys.CAPS,
    keys.LIMITS,
)


def key_tables() -> list[list[tuple[str, str]]]:
    """Return (key, must) of each row of each table of keys."""
    tables = re.findall(r"^\| key \| must \| what \|\n\|[ -|]+\n((?:\|.*\n)+)", PLAN, re.MULTILINE)
    return [re.findall(r"^\| `(\w+)` \| (\w*) ?\|", table, re.MULTILINE) for table in tables]


def test_every_key_of_the_language_is_explained() -> None:
    found = key_tables()
    assert len(found) == len(TABLES)
    for rows, section in zip(found, TABLES, strict=True):
        assert dict(rows) == {**dict.fromkeys(section.required, "yes"), **dict.fromkeys(section.optional, "")}


def test_every_section_of_keys_is_on_the_page() -> None:
    sections = {id(value): name for name, value in vars(keys).items() if isinstance(value, Keys)}
    by_words = {id(keys.SELL)}  # `shared` is explained with `sell`
    assert set(sections) == {id(section) for section in TABLES} | by_words


def test_every_type_of_field_is_explained() -> None:
    (table,) = re.findall(r"^\| type \| takes.*\n\|[ -|]+\n((?:\|.*\n)+)", PLAN, re.MULTILINE)
    first_cells = "".join(re.findall(r"^\|([^|]+)\|", table, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", first_cells)) == set(KINDS)


def test_examples_stand_in_the_reference_plan() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PLAN, re.DOTALL)
    assert len(examples) > 8
    plain = [line.strip() for line in REFERENCE.splitlines()]
    for example in examples:
        for line in dedent(example).splitlines():
            assert line.strip() in plain


REFUSALS = re.findall(r"```diff\n(.*?)```\n```text\n(.*?)```", PLAN, re.DOTALL)


@pytest.mark.parametrize(("change", "said"), REFUSALS, ids=lambda text: str(text).splitlines()[0][:50])
def test_refusals_are_what_the_check_says(change: str, said: str) -> None:
    old, new = ("\n".join(line[2:] for line in change.splitlines() if line.startswith(sign)) for sign in ("-", "+"))
    with pytest.raises(PlanProblems) as caught:
        check_sources({"plan.yaml": changed((old, new))})
    assert [str(problem) for problem in caught.value.problems] == said.splitlines()


# --- a secured Kafka ---------------------------------------------------------------------------------------------

SECURITY = (DOCS / "security.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("example", re.findall(r"```ini\n(.*?)```", SECURITY, re.DOTALL))
def test_examples_of_security_files_are_taken(example: str, tmp_path: Path) -> None:
    file = tmp_path / "kafka.conf"
    file.write_text(example, encoding="utf-8")
    security = read_security(file)
    assert len(security) == len(example.splitlines())
    assert security_problems.problems(security) == []


def test_every_option_of_the_security_file_is_on_its_page() -> None:
    told = set(re.findall(r"`([a-z][a-z.]+)", SECURITY))
    assert security_problems.NAMES - told == set()


# --- links and paths ---------------------------------------------------------------------------------------------


def links() -> list[tuple[Path, str, str]]:
    """Return (document, file, heading) of each link to something of ours; a file or a heading may be left out."""
    found = [
        (path, *target)
        for path in tracked("*.md")
        for target in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", path.read_text(encoding="utf-8"))
    ]
    return [link for link in found if "://" not in link[1]]


def anchors(text: str) -> set[str]:
    """Return what links may name of a page: its headings as GitHub writes them into addresses."""
    words = (re.sub(r"[^\w -]", "", heading.lower()) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE))
    return {each.replace(" ", "-") for each in words}


def test_links_lead_somewhere() -> None:
    found = links()
    assert len(found) > 60
    for document, file, heading in found:
        target = document.parent.joinpath(file) if file else document
        assert target.exists(), f"{document.name}: {file}"
        if heading:
            assert heading in anchors(target.read_text(encoding="utf-8")), f"{document.name}: {file}#{heading}"
