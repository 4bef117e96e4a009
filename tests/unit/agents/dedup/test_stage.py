"""The stage dedup, hook by hook."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from agents.dedup.claims import Claims
from agents.dedup.hashes import Hashes
from agents.dedup.memory_store import MemoryStore
from agents.dedup.rebuild import Rebuilder
from agents.dedup.stage import DedupStage
from agents.views import PauseView, PlanView
from config.plan.model import FieldRule
from schemas.errors import EpochLost, Unavailable, Undecodable
from schemas.identity import lead_id
from schemas.reasons import Reason
from schemas.records import LeadRejected, LeadUnique
from streams.stage import Batch
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

HASHES = Hashes(b"a key that is long enough")


class Intake:
    """A stage on a store and a log of its own; what it emits goes into both."""

    def __init__(self, *, applied: bool = True) -> None:
        self.store, self.log = MemoryStore(), MemoryUniqueLog()
        self.plans, self.pauses = PlanView(CODEC), PauseView(CODEC)
        self.tally: Counter[tuple[str, str]] = Counter()
        self.stage = self.another()
        if applied:
            self.plans.apply(plan_message(plan()))

    def another(self) -> DedupStage:
        """Return the stage of another worker."""
        rebuilder = Rebuilder(self.store, self.log, open_unique, lambda: NOW, lambda work: work())
        claims = Claims(self.store, rebuilder)
        return DedupStage(CODEC, SLIPS, self.plans, self.pauses, claims, HASHES, self.tally)

    def take(self, *batches: Batch, stage: DedupStage | None = None) -> Emitted:
        """Run an epoch to its commit; a rebuild that is due comes first."""
        stage = stage or self.stage
        for _ in range(3):
            try:
                stage.prepare(batches)
                break
            except Unavailable as error:
                last = error
        else:
            raise last
        epoch = Emitted(NOW + 5)
        for one in batches:
            stage.process(one, epoch)
        stage.confirm()
        for topic, value, _, _ in epoch.records:
            if topic == "leads.unique":
                self.log.add(value)
        return epoch


@pytest.fixture
def intake() -> Intake:
    return Intake()


def uniques(epoch: Emitted) -> list[LeadUnique]:
    """Return the unique leads of an epoch."""
    return [record for record in epoch.of("leads.unique") if isinstance(record, LeadUnique)]


def rejected(epoch: Emitted) -> list[LeadRejected]:
    """Return the rejected leads of an epoch."""
    return [record for record in epoch.of("leads.rejected") if isinstance(record, LeadRejected)]


def test_a_good_lead_goes_on_with_its_slip(intake: Intake) -> None:
    epoch = intake.take(batch(message(received(), offset=17, partition=3)))
    [unique] = uniques(epoch)
    slip = unique.slip
    assert slip.lead_id == lead_id("acme-forms", "solar-us", "form-1", test=False)
    assert (slip.received_partition, slip.received_offset, slip.received_at) == (3, 17, NOW)
    assert (slip.submitted_at, slip.unique_at, slip.sell_by) == (NOW - 1000, NOW + 5, NOW - 1000 + 900_000)
    assert slip.plan_version == 1
    assert slip.attributes == {"state": "CA", "owns_home": "true"}
    assert slip.private == {"monthly_bill": "220"}
    assert len(slip.email_hash) == len(slip.phone_hash) == 32
    assert slip.email_hash != slip.phone_hash
    assert unique.lead.phone == "+14155550001"
    assert unique.lead.fields == {"owns_home": "true", "monthly_bill": "220"}
    [(topic, _, key, partition)] = epoch.records
    assert (topic, key, partition) == ("leads.unique", slip.lead_id, None)
    assert intake.tally == {("unique", ""): 1}


def test_a_lost_zero_of_a_zip_is_noted_in_the_slip(intake: Intake) -> None:
    [unique] = uniques(intake.take(batch(message(received(postal_code="8014")))))
    assert unique.lead.postal_code == "08014"
    assert unique.slip.notes == ("postal_code: leading zeros put back",)


def test_an_invalid_lead_is_rejected_with_all_its_faults(intake: Intake) -> None:
    epoch = intake.take(batch(message(received(email="x", state=None))))
    [fact] = rejected(epoch)
    assert (fact.reason, fact.stage, fact.rejected_at) == (Reason.INVALID, "dedup", NOW + 5)
    assert [fault.field for fault in fact.faults] == ["email", "state"]
    assert fact.keys_checked == ()
    assert (fact.earlier_lead_id, fact.earlier_partition, fact.earlier_offset, fact.earlier_at) == ("", -1, -1, -1)
    assert epoch.records[0][2] == fact.lead_id


def test_a_duplicate_names_the_lead_it_is_like_and_what_hit(intake: Intake) -> None:
    first = intake.take(batch(message(received(1), offset=4)))
    epoch = intake.take(batch(message(received(2, phone="415 555 0001"), offset=9, at=NOW + 60_000)))
    [fact] = rejected(epoch)
    assert (fact.reason, fact.keys_checked, fact.key_hit) == (Reason.DUPLICATE, ("email", "phone"), "phone")
    assert fact.earlier_lead_id == uniques(first)[0].slip.lead_id
    assert (fact.earlier_partition, fact.earlier_offset, fact.earlier_at) == (0, 4, NOW)


def test_two_like_leads_of_one_batch_are_judged_in_order(intake: Intake) -> None:
    leads = [message(received(1), 0), message(received(2, email="MARIA.1@example.com"), 1), message(received(3), 2)]
    epoch = intake.take(batch(*leads))
    assert [one.slip.received_offset for one in uniques(epoch)] == [0, 2]
    assert rejected(epoch)[0].key_hit == "email"


def test_the_same_lead_again_is_a_repeat(intake: Intake) -> None:
    intake.take(batch(message(received(1), offset=4)))
    [fact] = rejected(intake.take(batch(message(received(1, email="else@example.com"), offset=5))))
    assert (fact.reason, fact.key_hit, fact.earlier_offset) == (Reason.REPEAT, "", 4)


def test_a_replay_is_unique_again(intake: Intake) -> None:
    leads = batch(message(received(1), 0), message(received(2, email="maria.1@example.com"), 1))
    first = intake.take(leads)
    intake.stage.forget(0)
    assert [record[:3] for record in intake.take(leads).records] == [record[:3] for record in first.records]
    assert [record[:3] for record in intake.take(leads, stage=intake.another()).records] == [
        record[:3] for record in first.records
    ]


def test_a_duplicate_that_was_rejected_claims_nothing(intake: Intake) -> None:
    intake.take(batch(message(received(1), 0)))
    intake.take(batch(message(received(2, email="maria.1@example.com"), 1)))
    epoch = intake.take(batch(message(received(3, phone="(415) 555-0002"), 2), message(received(2), 3)))
    assert [one.slip.received_offset for one in uniques(epoch)] == [2]
    assert rejected(epoch)[0].earlier_offset == 2


def test_test_leads_touch_no_claim(intake: Intake) -> None:
    epoch = intake.take(batch(*(message(received(1, test=True), offset) for offset in range(3))))
    assert [one.slip.test for one in uniques(epoch)] == [True, True, True]
    assert len(uniques(intake.take(batch(message(received(1), 3))))) == 1


@pytest.mark.parametrize("test", [False, True])
def test_a_test_lead_is_not_counted(intake: Intake, test: bool) -> None:
    good, bad = received(1, test=test), received(2, test=test, email="no address")
    intake.take(batch(message(good, 0), message(bad, 1)))
    assert intake.tally == ({} if test else {("unique", ""): 1, ("rejected", "INVALID"): 1})


def test_a_record_without_identity_is_rejected_under_an_empty_key(intake: Intake) -> None:
    epoch = intake.take(batch(message(received(supplier_lead_id=" ", campaign_id="Maria Gonzalez"))))
    [fact] = rejected(epoch)
    assert (fact.lead_id, fact.campaign_id, fact.supplier_id, fact.supplier_lead_id) == ("", "", "acme-forms", "")
    assert epoch.records[0][2] == ""


def test_a_poison_record_fails_alone_and_only_in_process(intake: Intake) -> None:
    good, bad = message(received(1), 0), message(b"rubbish", 1)
    with pytest.raises(Undecodable):
        intake.take(batch(good, bad, message(received(2), 2)))
    assert len(uniques(intake.take(batch(good)))) == 1
    with pytest.raises(Undecodable):
        intake.take(batch(bad))
    assert len(uniques(intake.take(batch(message(received(2), 2))))) == 1
    assert intake.stage.give_up(bad, Undecodable("x"), Emitted()) is False


def test_a_batch_that_was_not_prepared_is_given_back_and_not_set_aside(intake: Intake) -> None:
    leads = batch(message(received(1), 0))
    intake.take(leads)
    intake.stage.forget(0)
    with pytest.raises(EpochLost):
        intake.stage.process(leads, Emitted())


def test_what_could_not_be_claimed_is_not_prepared(intake: Intake) -> None:
    leads = batch(message(received(1), 0))
    intake.take(leads)
    intake.store.away = True
    with pytest.raises(Unavailable):
        intake.stage.prepare([leads])
    with pytest.raises(EpochLost):
        intake.stage.process(leads, Emitted())


def test_a_fault_of_the_claims_is_blamed_on_no_lead(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    leads = batch(message(received(1), 0))
    intake.take(leads)

    def fail(*_: object) -> None:
        raise TypeError("a bug")

    monkeypatch.setattr(intake.store, "claim", fail)
    with pytest.raises(Unavailable, match="nobody foresaw: TypeError"):
        intake.stage.prepare([leads])


def test_several_partitions_are_claimed_together(intake: Intake) -> None:
    epoch = intake.take(
        batch(message(received(1), 0, partition=0)), batch(message(received(2, email="maria.1@example.com"), 0, 1))
    )
    assert [one.slip.received_partition for one in uniques(epoch)] == [0]
    assert rejected(epoch)[0].received_partition == 1


def test_without_a_plan_the_stage_waits() -> None:
    intake = Intake(applied=False)
    assert intake.stage.waits == "no plan applied yet"
    with pytest.raises(Unavailable, match="no plan"):
        intake.stage.prepare([batch(message(received()))])
    intake.plans.apply(plan_message(plan()))
    assert intake.stage.waits is None


def test_a_plan_that_cannot_be_compiled_leaves_the_one_before_in_force(intake: Intake) -> None:
    intake.take(batch(message(received(1), 0)))
    compiled = plan(version=2)
    campaign = compiled.plan.campaigns[0]
    broken = msgspec.structs.replace(campaign, fields=(*campaign.fields, FieldRule("x", "phone", region="ZZ")))
    compiled.plan = msgspec.structs.replace(compiled.plan, campaigns=(broken,))
    intake.plans.apply(plan_message(compiled))
    assert intake.stage.waits is None
    assert "version 2" in intake.stage.problem
    assert uniques(intake.take(batch(message(received(2), 1))))[0].slip.plan_version == 1
    intake.plans.apply(plan_message(plan(version=3)))
    assert uniques(intake.take(batch(message(received(3), 2))))[0].slip.plan_version == 3
    assert intake.stage.problem == ""


def test_claims_lost_while_the_epoch_was_open_refuse_it(intake: Intake) -> None:
    leads = batch(message(received(1), 0))
    intake.take(batch(message(received(9), 9)))
    intake.stage.prepare([leads])
    intake.stage.process(leads, Emitted())
    intake.store.wipe()
    with pytest.raises(Unavailable):
        intake.stage.confirm()
    intake.stage.forget(0)
    intake.stage.confirm()


def test_an_epoch_without_intake_asks_nobody(intake: Intake) -> None:
    intake.take(batch(message(received(1), 0)))
    intake.store.away = True
    intake.stage.confirm()


def test_wiped_in_mid_flow_nothing_is_sold_twice_and_nothing_is_turned_away(intake: Intake) -> None:
    people = [received(number, email=f"p{number % 40}@example.com", phone=None) for number in range(120)]
    intake.plans.apply(plan_message(plan(version=2, of="email")))
    plain = [msgspec.structs.replace(lead, phone=f"(415) 555-{at:04d}") for at, lead in enumerate(people)]
    accepted: list[Any] = []
    for at in range(0, 120, 10):
        if at in (30, 50):
            intake.store.wipe()
        if at == 70:
            intake.store.restart()
        accepted += uniques(intake.take(batch(*(message(lead, at + n) for n, lead in enumerate(plain[at : at + 10])))))
    assert sorted(one.lead.email for one in accepted) == sorted(f"p{number}@example.com" for number in range(40))
