"""What tests of intake share: a plan, leads, messages, and an epoch that keeps what is emitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from config.plan.canonical import to_json
from config.plan.check import check_sources
from config.plan.compiled import CompiledPlan, compile_plan
from config.plan.model import DedupeRule, FieldRule
from schemas.codec import Codec
from schemas.records import Lead, LeadReceived, PlanVersion, Record, Slip
from schemas.slip import Slips
from schemas.topics import UNIQUE
from streams.stage import Batch, Message, Table

#: 2 June 2026, 17:00 UTC.
NOW = 1_780_419_600_000
DAY = 86_400_000

CODEC = Codec()
SLIPS = Slips(CODEC)

PLAN = """
leadflow: 1
currency: USD
campaigns:
  solar-us:
    fields:
      first_name:   {type: text, required: true}
      last_name:    {type: text, required: true}
      email:        {type: email, required: true}
      phone:        {type: phone, region: US, required: true}
      state:        {type: us_state, required: true, personal: false}
      postal_code:  {type: us_zip, required: true}
      trustedform_cert_url: {type: url}
      owns_home:    {type: boolean, personal: false}
      monthly_bill: {type: integer, min: 0, max: 5000}
    dedupe: {match: MATCH, of: [OF], within: WITHIN}
    sell_within: 15m
    scoring:
      points:
        owner:    {when: {owns_home: true}, add: 40}
        big_bill: {when: {monthly_bill: {at_least: 150}}, add: 30}
        sunbelt:  {when: {state: [AZ, CA, FL, NV, TX]}, add: 20}
      grades: {A: 80, B: 60, C: 30}
    distribution: {sell: exclusive, method: weighted_round_robin}
suppliers:
  acme-forms: {campaigns: {solar-us: {payout: 14.00, owed: on_first_sale}}}
  other-forms: {campaigns: {}}
buyers:
  sunco:
    name: SunCo Inc
    time_zone: America/Los_Angeles
    hours: always
    when_closed: skip
    tests: false
    caps: unlimited
    delivery: topic
    contracts:
      sunco-solar: {campaign: solar-us, accept: everything, price: 42.00, weight: 1, caps: unlimited}
"""


def open_unique(value: bytes) -> tuple[Slip, Lead]:
    """Read a unique lead, as a rebuild does."""
    slip, _, body = SLIPS.open_unique(value)
    return slip, SLIPS.lead_of(body)


def plan(version: int = 1, match: str = "any", of: str = "email, phone", within: str = "30d") -> CompiledPlan:
    """Return the plan with this rule of likeness."""
    text = PLAN.replace("MATCH", match).replace("OF", of).replace("WITHIN", within)
    return compile_plan(check_sources({"plan.yaml": text}), version)


def ruled(version: int, solar: DedupeRule | None, other: DedupeRule | None) -> CompiledPlan:
    """Return the plan with these rules of likeness, and a second campaign `other` beside `solar-us`."""
    model = plan(version).plan
    (campaign,) = model.campaigns
    second = msgspec.structs.replace(campaign, id="other", dedupe=other)
    first = msgspec.structs.replace(campaign, dedupe=solar)
    return compile_plan(msgspec.structs.replace(model, campaigns=(first, second)), version)


def plan_message(compiled: CompiledPlan, offset: int = 0) -> Message:
    """Return the record that publishes a plan."""
    record = PlanVersion(compiled.version, compiled.hash, to_json(compiled.plan), {}, NOW)
    return Message("internal.plan", 0, offset, NOW, b"plan", CODEC.encode(record))


def rule(name: str, type_: str, **more: Any) -> FieldRule:
    """Return a field's rule as a checked plan has it."""
    return FieldRule(name, type_, **more)


def received(number: int = 1, **changes: Any) -> LeadReceived:
    """Return a valid lead, unlike that of any other number, with these changes."""
    values: dict[str, Any] = {
        "supplier_lead_id": f"form-{number}",
        "campaign_id": "solar-us",
        "supplier_id": "acme-forms",
        "submitted_at": NOW - 1000,
        "first_name": "Maria",
        "last_name": "Gonzalez",
        "email": f"maria.{number}@example.com",
        "phone": f"(415) 555-{number % 10_000:04d}",
        "state": "CA",
        "postal_code": "94110",
        "fields": {"owns_home": "yes", "monthly_bill": "220"},
    }
    return LeadReceived(**values | changes)


def message(record: Record | bytes, offset: int = 0, partition: int = 0, at: int = NOW) -> Message:
    """Return the record as it comes from leads.received."""
    value = record if isinstance(record, bytes) else CODEC.encode(record)
    return Message("leads.received", partition, offset, at, b"any", value)


def batch(*messages: Message) -> Batch:
    """Return a batch of these messages."""
    return Batch(messages[0].topic, messages[0].partition, messages)


class Emitted:
    """An epoch that keeps what is emitted: (topic, value, key, partition)."""

    def __init__(self, now_ms: int = NOW) -> None:
        self.now_ms = now_ms
        self.records: list[tuple[str, bytes, str, int | None]] = []

    def emit(
        self,
        topic: str,
        value: bytes,
        key: str,
        *,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        known: object = None,
    ) -> None:
        """Keep it; what is said to be known of it must be what reading gives."""
        assert known is None or known == (SLIPS.open_unique if topic == UNIQUE else SLIPS.open_scored)(value)
        self.records.append((topic, value, key, partition))

    def table(self, name: str, partition: int) -> Table[Any]:
        """No stage of intake has tables."""
        raise KeyError(name)

    def clear(self) -> None:
        """Forget all."""
        self.records.clear()

    def of(self, topic: str) -> list[Record]:
        """Return the records of a topic, decoded."""
        return [CODEC.decode(value) for name, value, _, _ in self.records if name == topic]


class EmptyLog:
    """A leads.unique that nobody has written to."""

    def bounds(self) -> Mapping[int, tuple[int, int]]:
        """Return eight empty partitions."""
        return dict.fromkeys(range(8), (0, 0))

    def read(self, partition: int, start: int, end: int, cancelled: Callable[[], bool]) -> Iterable[list[Message]]:
        """Yield nothing."""
        return ()


class MemoryUniqueLog:
    """A leads.unique in memory, fed by hand."""

    def __init__(self) -> None:
        self.partitions: dict[int, list[Message]] = {0: [], 1: []}

    def add(self, value: bytes, partition: int = 0) -> None:
        """Append a committed record."""
        log = self.partitions[partition]
        log.append(Message("leads.unique", partition, len(log), NOW, b"", value))

    def bounds(self) -> Mapping[int, tuple[int, int]]:
        """See the port."""
        return {partition: (0, len(log)) for partition, log in self.partitions.items()}

    def read(self, partition: int, start: int, end: int, cancelled: Callable[[], bool]) -> Iterable[list[Message]]:
        """Yield the records two by two, so that a rebuild has steps."""
        log = self.partitions[partition][start:end]
        for at in range(0, len(log), 2):
            if cancelled():
                return
            yield log[at : at + 2]
