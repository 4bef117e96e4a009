"""The commands against a living leadflow: a small cluster with two workers, the demo's plan and 300 of its leads."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import Result
from confluent_kafka import Consumer, Producer, TopicPartition

from console.audit.evidence import Evidence, gather
from console.audit.topics import audit
from console.cluster.cluster import Cluster
from console.demo import leads
from console.demo.cast import cast, drain, import_leads, pretended, write_leads
from console.demo.leads import Kind
from console.demo.result import differences, totals
from console.mending import disagreements
from console.reach import Reach
from tests.integration.console.conftest import run, words

LEADS = 300
pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(240)]


class Live(NamedTuple):
    """A leadflow that has worked off its leads."""

    cluster: Cluster
    way: Reach
    file: Path
    made: list[leads.Lead]
    evidence: Evidence
    killed: tuple[int, int]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("live")
    file, made = write_leads(folder, LEADS, seed=11)
    with cast(folder / "data", pretended(os.environ), lambda _: None, lambda _: None) as (cluster, way):
        kill, _ = import_leads(cluster, way, file, LEADS, lambda: None)
        drain(cluster, way)
        yield Live(cluster, way, file, made, gather(way.reader, way.codec), (kill.sent, kill.in_flight))


@pytest.fixture(autouse=True)
def here(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand where the cluster is."""
    for name, value in live.cluster.environment().items():
        if name.startswith("LEADFLOW_"):
            monkeypatch.setenv(name, value)


def ok(*arguments: str) -> Result:
    done = run(*arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done


def test_a_killed_worker_loses_nothing_and_sells_nothing_twice(live: Live) -> None:
    verdict = audit(live.way.reader, live.way.codec)
    assert verdict.findings == ()
    assert verdict.received == LEADS
    assert live.killed[0] == LEADS // 2


def test_every_lead_has_the_fate_it_was_made_for(live: Live) -> None:
    assert differences(totals(live.evidence), leads.counts(live.made)) == []


def test_the_same_file_again_is_all_repeats(live: Live) -> None:
    done = ok("import", str(live.file), "--campaign", "solar-us", "--supplier", "acme-forms", "--yes")
    assert f"{LEADS} leads received by leadflow" in words(done)
    drain(live.cluster, live.way)
    again = gather(live.way.reader, live.way.codec)
    assert audit(live.way.reader, live.way.codec).findings == ()
    assert len(again.sold) == len(live.evidence.sold)
    invalid = leads.counts(live.made)[Kind.INVALID]
    assert again.reasons()["INVALID"] == 2 * invalid
    assert again.reasons()["REPEAT"] + again.reasons()["DUPLICATE"] >= LEADS - invalid


def test_import_shows_the_mapping_masked_and_the_verdict_and_sends_nothing_when_only_checking(live: Live) -> None:
    before = sum(live.way.reader.ends(live.way.reader.partitions("leads.received")).values())
    done = ok("import", str(live.file), "--campaign", "solar-us", "--supplier", "acme-forms", "--check")
    assert "E-mail" in done.output
    assert f"on {LEADS} rows: {LEADS - 12 - 9} pass, 12 refused, 9 repeats of an earlier row" in words(done)
    first = live.made[0].row
    for name in ("E-mail", "Last Name", "Phone", "Street"):
        assert first[name] not in done.output
    assert sum(live.way.reader.ends(live.way.reader.partitions("leads.received")).values()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--campaign", "solar", "--supplier", "acme-forms"), "no campaign 'solar'; it has: solar-us"),
        (("--campaign", "solar-us", "--supplier", "acme"), "no supplier 'acme'"),
        (
            ("--campaign", "solar-us", "--supplier", "acme-forms", "--map", "Mail=email"),
            "no column 'Mail'; did you mean",
        ),
        (("--campaign", "solar-us", "--supplier", "acme-forms"), "add --yes"),
    ],
)
def test_import_refuses_what_cannot_be(live: Live, arguments: tuple[str, ...], message: str) -> None:
    done = run("import", str(live.file), *arguments)
    assert done.exit_code != 0
    assert message in f"{words(done)} {done.exception}"


def test_lead_show_tells_leads_of_different_fate(live: Live) -> None:
    sold = live.evidence.sold[0]
    said = words(ok("lead", "show", sold.lead_id))
    assert f"sold to {sold.buyer_id}" in said
    assert f"record buyers.{sold.buyer_id}.leads-0@" in said
    assert "(no longer kept" not in said
    duplicate = next(fact for fact in live.evidence.rejected if fact.reason == "DUPLICATE")
    assert f"in lead {duplicate.earlier_lead_id}" in words(ok("lead", "show", duplicate.lead_id))
    invalid = next(fact for fact in live.evidence.rejected if fact.reason == "INVALID")
    assert invalid.faults[0].code in ok("lead", "show", invalid.lead_id).output
    unsold = next(fact for fact in live.evidence.closed if fact.reason == "NO_COVERAGE")
    said = words(ok("lead", "show", unsold.lead_id))
    assert "closed: NO_COVERAGE, sold 0 of 2" in said
    assert "FILTERED: wants" in said


def test_lead_show_finds_a_lead_by_its_suppliers_id_and_by_its_place(live: Live) -> None:
    sold = live.evidence.sold[0]
    heading = f"lead {sold.lead_id}, solar-us, live"
    assert heading in ok("lead", "show", sold.supplier_lead_id).output
    place = f"{sold.received_partition}@{sold.received_offset}"
    assert heading in ok("lead", "show", place).output
    assert "no lead 'F99999'" in str(run("lead", "show", "F99999").exception)
    assert "no record at leads.received-3@99999" in str(run("lead", "show", "3@99999").exception)


def test_lead_show_masks_persons_and_keeps_a_buyers_view_to_itself(live: Live) -> None:
    sold = live.evidence.sold[0]
    row = next(lead.row for lead in live.made if lead.row["Lead ID"] == sold.supplier_lead_id)
    everything = ok("lead", "show", sold.lead_id).output
    assert row["Last Name"] not in everything
    assert row["E-mail"] in words(ok("lead", "show", sold.lead_id, "--unmask"))
    own = ok("lead", "show", sold.lead_id, "--for-buyer", sold.buyer_id).output
    for secret in ("acme-forms", sold.supplier_lead_id, "payout", "margin"):
        assert secret not in own


def test_tail_shows_records_decoded_and_masked(live: Live) -> None:
    lines = ok("tail", "leads.received", "-n", "5", "--json").output.splitlines()
    assert len(lines) == 5
    assert {json.loads(line)["record"] for line in lines} == {"LeadReceived"}
    for lead in live.made:
        assert lead.row["Street"] not in "".join(lines)
    assert ok("tail", "leads.sold", "-n", "2").output.count("LeadSold") == 2
    assert "BuyerState" in ok("tail", "internal.delivery.changelog", "-n", "20000").output
    assert "did you mean leads.sold" in words(run("tail", "leads.solt"))


def test_following_a_topic_ends_well_by_ctrl_c(live: Live) -> None:
    command = [sys.executable, "-m", "console", "tail", "leads.closed", "-n", "1", "-f"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ran:
        assert ran.stdout is not None
        for line in ran.stdout:
            if "received_offset" in line:
                break
        ran.send_signal(signal.SIGINT)
        _, errors = ran.communicate(timeout=30)
    assert (ran.returncode, errors) == (0, "")


def test_buyers_show_what_is_used_and_left_and_what_nobody_has_read(live: Live) -> None:
    sunco = [sale for sale in live.evidence.sold if sale.buyer_id == "sunco"]
    listed = words(ok("buyer", "list"))
    assert re.search(rf"sunco {len(sunco)} ", listed)
    consumer = Consumer(
        {"bootstrap.servers": live.way.settings.kafka, "group.id": "sunco-crm", "enable.auto.commit": False}
    )
    topic = f"{live.way.settings.prefix}buyers.sunco.leads"
    records = [at for at, _ in zip(live.way.reader.scan("buyers.sunco.leads"), range(3), strict=False)]
    consumer.commit(offsets=[TopicPartition(topic, 0, records[1].offset)], asynchronous=False)
    consumer.close()
    shown = words(ok("buyer", "show", "sunco"))
    assert f"leads a day {len(sunco)} {50 - len(sunco)} 50" in shown
    assert f"sunco-crm {len(sunco) - 1} " in shown
    assert "did you mean sunco" in words(run("buyer", "show", "sunc"))


def test_status_says_that_nothing_is_paused_and_nothing_waits(live: Live) -> None:
    shown = words(ok("status", "--data", str(live.cluster.folder)))
    assert "nothing is paused nothing waits: all that came in is worked off" in shown


def test_a_pause_is_in_force_within_seconds_and_shown(live: Live) -> None:
    ok("pause", "buyer", "cascadia")
    for _ in islice(live.way.reader.follow({}), 60):
        if "BUYER_PAUSED" in ok("buyer", "show", "cascadia").output:
            break
    shown = words(ok("buyer", "show", "cascadia"))
    assert "closed: BUYER_PAUSED" in shown
    assert "the buyer is paused by hand until resumed" in shown
    ok("resume", "buyer", "cascadia")


def test_a_dead_letter_is_listed_shown_and_sent_back_once(live: Live) -> None:
    producer = Producer({"bootstrap.servers": live.way.settings.kafka})
    producer.produce(f"{live.way.settings.prefix}leads.received", b"ann@example.org", b"ann@example.org")
    producer.flush(10)
    drain(live.cluster, live.way)
    listed = ok("dead", "list")
    assert "UNDECODABLE" in listed.output
    (name,) = re.findall(r"leads\.received\.dead@\d+", listed.output)
    shown = ok("dead", "show", name)
    assert "<15 bytes>" in shown.output
    assert "ann@" not in shown.output
    assert "1 record sent back" in ok("dead", "retry", name, "--yes").output
    assert "was sent back already" in str(run("dead", "retry", name, "--yes").exception)
    drain(live.cluster, live.way)
    assert name not in ok("dead", "list").output.split()  # its second failure has another name
    assert audit(live.way.reader, live.way.codec).findings == ()


def test_repair_finds_offsets_that_were_moved_and_settles_them(live: Live) -> None:
    assert "agree in every partition" in ok("repair").output
    (before,) = [at for at in live.way.reader.partitions("internal.offers") if at.partition == 0]
    committed = live.way.reader.committed(live.way.group, [before])[before]
    assert committed
    _move_offset(live.way, before.topic, committed - 1)
    (found,) = disagreements(live.way)
    assert (found.partition, found.settled, found.stage) == (before, committed, "delivery")
    assert run("repair", "--check").exit_code == 1
    assert "1 partition settled" in words(ok("repair", "--yes"))
    assert live.way.reader.committed(live.way.group, [before])[before] == committed
    assert "agree in every partition" in ok("repair").output


def _move_offset(way: Reach, topic: str, offset: int) -> None:
    """Set an offset from outside while the group works, as a late request would."""
    outsider = Consumer(way.address.client(**{"group.id": way.group}))
    producer = Producer(way.address.client(**{"transactional.id": "mischief"}))
    producer.init_transactions(10)
    producer.begin_transaction()
    moved = [TopicPartition(way.settings.prefix + topic, 0, offset)]
    producer.send_offsets_to_transaction(moved, outsider.consumer_group_metadata(), 10)
    producer.commit_transaction(10)
    outsider.close()
