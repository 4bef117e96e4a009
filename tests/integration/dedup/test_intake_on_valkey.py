"""Intake on a real Valkey that is wiped and killed under it: nothing passes twice, nobody is turned away wrongly."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence

import msgspec
import pytest
import redis

from agents.dedup.claims import Claims
from agents.dedup.hashes import Hashes
from agents.dedup.rebuild import Rebuilder
from agents.dedup.stage import DedupStage
from agents.dedup.store import RedisStore, connect
from agents.views import PauseView, PlanView
from config.plan.check import load_plan
from config.plan.compiled import CompiledPlan, compile_plan
from console.cluster.valkey import ValkeyServer
from schemas.errors import Unavailable
from schemas.records import LeadReceived, LeadRejected, LeadUnique
from tests.unit.agents.intake import (
    CODEC,
    NOW,
    SLIPS,
    Emitted,
    MemoryUniqueLog,
    batch,
    message,
    open_unique,
    plan,
    plan_message,
    received,
)

#: The longest that a test waits for a server or a rebuild.
PATIENCE_S = 20.0


class Worker:
    """One worker's intake on the server, its rebuilds in their own thread."""

    def __init__(self, url: str, prefix: str, log: MemoryUniqueLog, compiled: CompiledPlan) -> None:
        self.client = connect(url)
        self.log = log
        self.plans = PlanView(CODEC)
        self.plans.apply(plan_message(compiled))
        store = RedisStore(self.client, prefix)
        claims = Claims(store, Rebuilder(store, log, open_unique, lambda: NOW))
        self.stage = DedupStage(
            CODEC, SLIPS, self.plans, PauseView(CODEC), claims, Hashes(b"a key that is long enough")
        )
        self.waited: set[str] = set()

    def take(self, leads: Sequence[tuple[int, LeadReceived]], between: Callable[[], None] | None = None) -> Emitted:
        """Take leads in as the engine would: rest while unavailable, redo what is not confirmed."""
        one = batch(*(message(lead, offset) for offset, lead in leads))
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            epoch = Emitted(NOW)
            try:
                if (waits := self.stage.waits) is not None:
                    raise Unavailable(waits)
                self.stage.prepare([one])
                self.stage.process(one, epoch)
                fault, between = between, None
                if fault is not None:
                    fault()
                self.stage.confirm()
            except Unavailable as error:
                self.waited.add(str(error))
                self.stage.forget(0)
                time.sleep(0.01)  # a stage at rest, not a wait for readiness: what ends it is the loop's condition
                continue
            for topic, value, _, _ in epoch.records:
                if topic == "leads.unique":
                    self.log.add(value)
            return epoch
        raise AssertionError(f"still waiting: {self.waited}")

    def close(self) -> None:
        """Stop its threads and connections."""
        self.stage.close()
        self.client.close()


def accepted(epoch: Emitted) -> list[str]:
    """Return the e-mails of the unique leads."""
    return [record.lead.email or "" for record in epoch.of("leads.unique") if isinstance(record, LeadUnique)]


def people(count: int, different: int) -> list[tuple[int, LeadReceived]]:
    """Return leads of so many different people, each coming again and again."""
    return [
        (at, received(at, email=f"p{at % different}@example.com", phone=f"(415) 555-{at % different:04d}"))
        for at in range(count)
    ]


@pytest.mark.parametrize("when", ["between epochs", "in an open epoch"])
def test_wiped_in_mid_flow(own_valkey: ValkeyServer, when: str) -> None:
    log = MemoryUniqueLog()
    workers = [Worker(own_valkey.url, "w.", log, plan()) for _ in range(2)]
    with redis.Redis.from_url(own_valkey.url) as operator:
        leads = people(300, 100)
        sold: list[str] = []
        for number, at in enumerate(range(0, 300, 20)):
            wipe = number in (3, 7, 11)
            if wipe and when == "between epochs":
                operator.flushall()
            fault = (lambda: operator.flushall()) if wipe and when == "in an open epoch" else None
            sold += accepted(workers[number % 2].take(leads[at : at + 20], fault))
    for worker in workers:
        worker.close()
    assert sorted(sold) == sorted(f"p{number}@example.com" for number in range(100))
    assert any("rebuilt" in reason for worker in workers for reason in worker.waited)


def test_killed_restarted_and_wiped_on_disk(own_valkey: ValkeyServer) -> None:
    log = MemoryUniqueLog()
    worker = Worker(own_valkey.url, "w.", log, plan())
    leads = people(200, 60)
    sold = accepted(worker.take(leads[:50]))
    own_valkey.kill()
    with pytest.raises(Unavailable, match="Redis does not answer"):
        worker.stage.prepare([batch(message(leads[50][1], 50))])
    own_valkey.start()
    sold += accepted(worker.take(leads[50:100]))
    own_valkey.kill()
    own_valkey.wipe()
    own_valkey.start()
    sold += accepted(worker.take(leads[100:]))
    worker.close()
    assert sorted(sold) == sorted(f"p{number}@example.com" for number in range(60))
    assert any("restarted or replaced" in reason for reason in worker.waited)


def test_a_plan_that_looks_at_more_rebuilds_first(valkey: str, prefix: str) -> None:
    log = MemoryUniqueLog()
    worker = Worker(valkey, prefix, log, plan(1, of="email"))
    worker.take([(0, received(1, email="a@example.com"))])
    worker.plans.apply(plan_message(plan(2, of="email, phone")))
    epoch = worker.take([(1, received(1, supplier_lead_id="another", email="b@example.com"))])
    worker.close()
    [fact] = epoch.of("leads.rejected")
    assert isinstance(fact, LeadRejected)
    assert (fact.reason, fact.key_hit, fact.earlier_offset) == ("DUPLICATE", "phone", 0)


def test_no_person_is_in_redis(valkey: str, prefix: str) -> None:
    worker = Worker(valkey, prefix, MemoryUniqueLog(), plan())
    worker.take(people(20, 20))
    kept = [key + b" " + (worker.client.get(key) or b"") for key in worker.client.scan_iter(f"{prefix}*")]
    worker.close()
    assert len(kept) >= 60
    everything = b"\n".join(kept).lower()
    for secret in (b"example.com", b"415555", b"maria", b"gonzalez", b"94110", b"@"):
        assert secret not in everything


ROWS = """first_name,last_name,company_name,address,city,county,state,zip,phone1,phone2,email,web
James,Butt,"Benton, John B Jr",6649 N Blue Gum St,New Orleans,Orleans,LA,70116,504-621-8927,504-845-1427,jb@example.com,http://www.example.com
Art,Venere,"Chemel, James L Cpa",8 W Cerritos Ave #54,Bridgeport,Gloucester,NJ,8014,856-636-8749,856-264-4130,av@example.org,http://www.example.com
Carmela,Cookey,"Royal Plaza",9 Murfreesboro Rd,San Juan,San Juan,PR,921,787-764-2222,787-764-2223,cc@example.org,http://www.example.com
"""


def test_rows_of_a_spreadsheet_whose_zips_lost_their_zeros(valkey: str, prefix: str) -> None:
    compiled = compile_plan(load_plan("config/plan/samples/us500.yaml"), 1)
    worker = Worker(valkey, prefix, MemoryUniqueLog(), compiled)
    leads = []
    for line, cells in enumerate(csv.DictReader(ROWS.splitlines())):
        lead = received(line, campaign_id="business-us", supplier_id="us-data", state=cells["state"])
        more = {name: cells[name] for name in ("company_name", "county", "phone2", "web")}
        contact = {name: cells[name] for name in ("email", "address", "city", "first_name", "last_name")}
        changed = msgspec.structs.replace(lead, phone=cells["phone1"], postal_code=cells["zip"], fields=more, **contact)
        leads.append((line, changed))
    first, again = worker.take(leads), worker.take([(at + 10, lead) for at, lead in leads])
    worker.close()
    found = [record for record in first.of("leads.unique") if isinstance(record, LeadUnique)]
    assert [one.lead.postal_code for one in found] == ["70116", "08014", "00921"]
    assert [bool(one.slip.notes) for one in found] == [False, True, True]
    assert [getattr(fact, "reason", "") for fact in again.of("leads.rejected")] == ["REPEAT"] * 3
