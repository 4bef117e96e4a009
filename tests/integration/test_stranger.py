"""A stranger reads our topics: plain confluent-kafka and fastavro, the schema fetched by its id over HTTP."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.checkout import PACKAGES, ROOT
from tests.support.one_worker import OneWorker, one_worker

SCRIPT = ROOT / "docs" / "examples" / "read_leads.py"
LEADS = 300
#: Buyers whose topics are read whole: those with most leads.
BUYERS = 3
LIMIT_S = 60

#: Runs a script and ends badly if anything of leadflow was imported on the way.
ALONE = f"""
import runpy, sys
path, sys.argv = sys.argv[1], sys.argv[1:]
try:
    runpy.run_path(path, run_name="__main__")
except SystemExit as ended:
    assert not ended.code
found = set({PACKAGES!r}) & set(sys.modules)
assert not found, found
"""

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def worker(kafka: str, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneWorker]:
    with one_worker(kafka, valkey, tmp_path_factory.mktemp("stranger")) as running:
        running.sell(LEADS, seed=3)
        yield running


def read(worker: OneWorker, topic: str, group: str = "stranger") -> list[dict[str, Any]]:
    """Return all records of a topic as the stranger's program prints them; run apart from our code and folder."""
    arguments = ["--kafka", worker.kafka, "--schemas", worker.url, "--group", f"{worker.prefix}{group}", "--once"]
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, str(SCRIPT), *arguments, worker.prefix + topic],
        cwd=worker.folder,
        env={},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["record"] for line in done.stdout.splitlines()]


def complaint(*arguments: str) -> str:
    """Return what the program says last when it cannot read, which it must not say in a traceback."""
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), "--group", "stranger", "--once", *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_what_is_not_there_is_said_and_not_waited_for(worker: OneWorker) -> None:
    here = ("--kafka", worker.kafka, "--schemas", worker.url)
    assert "leads.nowhere at Kafka" in complaint(*here, f"{worker.prefix}leads.nowhere")
    assert "at Kafka 127.0.0.1:1: " in complaint("--kafka", "127.0.0.1:1", "--schemas", worker.url, "leads.sold")
    sold = f"{worker.prefix}leads.sold"
    assert "schemas from http://127.0.0.1:1: " in complaint(
        "--kafka", worker.kafka, "--schemas", "http://127.0.0.1:1", sold
    )


def test_the_program_imports_nothing_of_leadflow() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    assert foreign == {"confluent_kafka", "fastavro"}


def test_a_buyers_topic_is_read_and_agrees_with_the_facts(worker: OneWorker) -> None:
    sales = read(worker, "leads.sold", "warehouse")
    assert len(sales) > LEADS / 2
    assert len({sale["sale_id"] for sale in sales}) == len(sales)
    sold_to = Counter(sale["buyer_id"] for sale in sales)
    for buyer, count in sold_to.most_common(BUYERS):
        bought = read(worker, f"buyers.{buyer}.leads", f"{buyer}-crm")
        assert len(bought) == count
        mine = {sale["sale_id"]: sale for sale in sales if sale["buyer_id"] == buyer}
        for lead in bought:
            fact = mine.pop(lead["sale_id"])
            assert {name: fact[name] for name in ("lead_id", "sold_at", "price_minor", "currency", "test")} == {
                name: lead[name] for name in ("lead_id", "sold_at", "price_minor", "currency", "test")
            }
            assert lead["lead"]["state"] == fact["attributes"]["state"]
        assert mine == {}


def test_a_buyer_sees_the_person_and_nothing_of_others(worker: OneWorker) -> None:
    (lead, *_) = read(worker, "buyers.homebase.leads", "homebase-looks")
    assert set(lead) == {"lead_id", "sale_id", "sold_at", "price_minor", "currency", "test", "lead"}
    assert lead["lead"]["phone"].startswith("+1")
    assert "@" in lead["lead"]["email"]
    assert set(lead["lead"]["fields"]) == {"owns_home", "monthly_bill", "trustedform_cert_url"}


def test_facts_carry_no_person(worker: OneWorker) -> None:
    people = [record["lead"] for record in read(worker, "buyers.homebase.leads", "homebase-people")]
    facts = json.dumps([read(worker, topic, "auditor") for topic in ("leads.sold", "leads.closed", "leads.rejected")])
    assert people
    for person in people:
        assert person["email"] not in facts
        assert person["phone"] not in facts


def test_what_was_read_does_not_come_again_and_what_is_new_does(worker: OneWorker) -> None:
    first = read(worker, "leads.closed", "again")
    assert first
    assert read(worker, "leads.closed", "again") == []
    worker.sell(100, seed=4)
    more = read(worker, "leads.closed", "again")
    assert more
    assert not {lead["lead_id"] for lead in more} & {lead["lead_id"] for lead in first}
