"""Two pretended days over three zones: daily caps fill, midnight passes, every buyer sells again, each at its own.

Time runs 1,200 times as fast: a day in 72 s. The expected end state, for each buyer and each whole local day:

    always open      cap sold, the first sale of the day soon after the buyer's own midnight
    with hours       cap sold, every sale between opening and closing in the buyer's own zone
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from console.faults.catalogue import Observed, alone
from console.faults.failure import FaultFailed
from console.faults.stand import Needs, Stand, stand
from console.faults.trial import ROUND_S, audited
from console.faults.watch import Watch
from console.producing import Outgoing, Sender
from console.reach import Reach
from schemas.records import LeadReceived, LeadSold
from schemas.topics import RECEIVED, SOLD

RATE = 1200.0
START = datetime(2026, 6, 2, 9, 0, tzinfo=UTC)
DAYS = 2.4
CAP = 20
LEADS_PER_S = 20
ZONES = {"east": "America/New_York", "middle": "America/Chicago", "west": "America/Los_Angeles"}
DRAIN_LIMIT_S = 60.0
#: Real seconds, generously: four hops of a fraction of a second each, on a busy machine.
SOON = timedelta(seconds=12 * RATE)

HEAD = """\
leadflow: 1
currency: USD
week_starts: monday
campaigns:
  days:
    fields:
      first_name: {type: text, required: true}
      email:      {type: email, required: true}
    dedupe: {match: any, of: [email], within: 30d}
    sell_within: 12h
    distribution: {sell: {shared: 6}, method: weighted_round_robin}
suppliers:
  forms: {campaigns: {days: {payout: 1.00, owed: on_first_sale}}}
buyers:
"""


def plan() -> str:
    """Return a plan of two buyers a zone: one with hours, one always open; each with a daily cap."""
    return HEAD + "".join(
        f"  {name}-{kind}:\n    name: {name} {kind}\n    time_zone: {zone}\n    hours: {hours}\n    when_closed: skip\n"
        f"    tests: false\n    caps: {{leads: {{day: {CAP}}}}}\n    delivery: topic\n    contracts:\n"
        f"      {name}-{kind}-c: {{campaign: days, accept: everything, price: 5.00, weight: 1, caps: unlimited}}\n"
        for name, zone in ZONES.items()
        for kind, hours in (("hours", "{mon-sun: 08:00-20:00}"), ("always", "always"))
    )


def leads(way: Reach) -> Iterator[LeadReceived]:
    """Yield leads at a steady pace until the pretended days are over."""
    began, end = time.monotonic(), START + timedelta(days=DAYS)
    number = 0
    while (now := way.clock.now_ms()) < end.timestamp() * 1000:
        yield LeadReceived(f"d{number}", "days", "forms", now, first_name="Ada", email=f"a{number}@example.com")
        number += 1
        pause = began + number / LEADS_PER_S - time.monotonic()
        time.sleep(max(0.0, pause))


@alone(takes_s=185.0)
def midnights(folder: Path, say: Callable[[str], None]) -> Observed:
    """No fault but time: each buyer's daily cap opens again at its own midnight, its hours are those of its zone."""
    start = START.isoformat().replace("+00:00", "Z")
    with stand(Needs(workers=1, plan=plan(), clock_start=start, clock_rate=RATE), folder, say) as here:
        sent = _send(here)
        judged = audited(here.way)
        sales = list(_sales(here.way))
    for name, zone in ZONES.items():
        _always_open_sells_from_midnight(sales, f"{name}-always", ZoneInfo(zone))
        _sells_in_its_hours(sales, f"{name}-hours", ZoneInfo(zone))
    days = f"{DAYS:g} pretended days, {RATE:,.0f} times as fast, six buyers in {len(ZONES)} zones"
    return Observed(f"{days}: each cap exactly full on each local day, all sales within hours", None, sent, judged)


def _send(here: Stand) -> int:
    """Send leads until the pretended days are over, and wait until all are closed; return how many."""
    way = here.way
    with Watch(way) as watch:
        sender = Sender(way.address)
        for lead in leads(way):
            sender.send(Outgoing(RECEIVED, lead.supplier_lead_id, way.codec.encode(lead)))
            here.cluster.round()
        sender.flush()
        sent, deadline = sender.acknowledged, time.monotonic() + DRAIN_LIMIT_S
        while watch.closed < sent:
            if watch.error is not None:
                raise watch.error
            if time.monotonic() > deadline:
                raise FaultFailed(f"{watch.closed} of {sent} leads were closed within {DRAIN_LIMIT_S:.0f} s")
            here.cluster.round()
            time.sleep(ROUND_S)
    return sent


def _sales(way: Reach) -> Iterator[LeadSold]:
    for message in way.reader.scan(SOLD):
        yield way.codec.decode_as(message.value or b"", LeadSold)


def _by_local_day(sales: list[LeadSold], buyer_id: str, zone: ZoneInfo) -> dict[str, list[datetime]]:
    """Return the local times of a buyer's sales by local day, in order."""
    days: dict[str, list[datetime]] = defaultdict(list)
    for sale in sales:
        if sale.buyer_id == buyer_id:
            at = datetime.fromtimestamp(sale.sold_at / 1000, zone)
            days[at.date().isoformat()].append(at)
    return {day: sorted(times) for day, times in days.items()}


def _always_open_sells_from_midnight(sales: list[LeadSold], buyer_id: str, zone: ZoneInfo) -> None:
    days = _by_local_day(sales, buyer_id, zone)
    if {len(times) for times in days.values()} != {CAP}:
        raise FaultFailed(f"{buyer_id} bought { ({day: len(t) for day, t in days.items()}) }, not {CAP} a day")
    for day in ("2026-06-03", "2026-06-04"):
        first = days[day][0]
        if first - first.replace(hour=0, minute=0, second=0, microsecond=0) >= SOON:
            raise FaultFailed(f"{buyer_id} bought first at {first}")


def _sells_in_its_hours(sales: list[LeadSold], buyer_id: str, zone: ZoneInfo) -> None:
    days = _by_local_day(sales, buyer_id, zone)
    if not all(8 <= at.hour < 20 for times in days.values() for at in times):
        raise FaultFailed(f"{buyer_id} bought outside of its hours")
    if not len(days["2026-06-02"]) == len(days["2026-06-03"]) == CAP:
        raise FaultFailed(f"{buyer_id} bought { ({day: len(t) for day, t in days.items()}) }, not {CAP} a day")
    if days["2026-06-03"][0].hour >= 8 + SOON.total_seconds() / 3600:
        raise FaultFailed(f"{buyer_id} bought first at {days['2026-06-03'][0]}")
