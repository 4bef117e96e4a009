"""The world around the workers: suppliers, people who change plans and pause, machines whose clocks go wrong, Redis."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from agents.terms import changed_terms
from config.plan.canonical import to_json
from config.plan.compiled import CompiledPlan
from console.simulation.arrivals import value_of
from console.simulation.broker import Broker
from console.simulation.claim_server import ClaimServer
from console.simulation.plan_chain import Version
from console.simulation.process import CODEC, Process
from console.simulation.story import Happening
from console.simulation.tally import Tally
from schemas.records import BuyerCommand, Pause, PlanVersion
from schemas.topics import OFFERS, PAUSES, PLAN, RECEIVED, buyer_topic
from streams.clock import ManualClock

_SECOND_MS: Final = 1_000
#: The transactional id under which plans are applied.
_PLAN_WRITER: Final = "plan"
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
#: How far clocks may fall behind the furthest that any has been: a worker that is a minute off stops by itself.
BACK_MOST_MS: Final = 55_000
#: How far a worker's clock may be off, ms, to either side.
SKEW_MOST_MS: Final = 9_000


class Outside:
    """Lets happenings happen. `processes` returns the workers that live now."""

    def __init__(
        self,
        broker: Broker,
        server: ClaimServer,
        clock: ManualClock,
        versions: tuple[Version, ...],
        tally: Tally,
        processes: Callable[[], list[Process]],
    ) -> None:
        self._broker = broker
        self._server = server
        self._clock = clock
        self._versions = versions
        self._tally = tally
        self._processes = processes
        self._latest_ms = clock.real_ms()
        self._paused: dict[int, tuple[str, str, str]] = {}
        self._late_topics: list[str] = []
        self.plan: CompiledPlan | None = None
        #: Versions that were applied, by number.
        self.applied: dict[int, CompiledPlan] = {}

    def happen(self, happening: Happening) -> None:
        """Let one thing happen."""
        kind, _, detail = happening.kind.partition(".")
        getattr(self, f"_{kind}")(detail, happening)

    def clear_up(self) -> None:
        """End everything that stands in the way of the leads, for good."""
        self._server.away = False
        self._broker.show_all()
        self._make_late_topics()
        self._broker.hold_markers = False
        self._broker.write_markers()
        for process in self._processes():
            process.clock.skew(0)

    # --- people -----------------------------------------------------------------------------------------------

    def apply(self, plan: CompiledPlan, *, late_topics: bool = False) -> None:
        """Publish a plan as `leadflow plan apply` does: topics, then the version and the inbox records together."""
        for buyer_id in plan.buyer_ids:
            topic = buyer_topic(buyer_id)
            if topic not in self._broker.counts() and topic not in self._late_topics and not self._broker.hides(topic):
                self._late_topics.append(topic)
        if late_topics and self._late_topics:
            self._tally.note("topics_missing", len(self._late_topics))
        else:
            self._make_late_topics()
        now_ms = self._clock.real_ms()
        version = PlanVersion(plan.version, plan.hash, to_json(plan.plan), {}, now_ms)
        records = [(PLAN, b"plan", CODEC.encode(version))]
        terms = changed_terms(self.plan, plan, now_ms)
        records += [(OFFERS, each.buyer_id.encode(), CODEC.encode(each)) for each in terms]
        self._broker.send_together(_PLAN_WRITER, records)
        self.plan = self.applied[plan.version] = plan

    def _make_late_topics(self) -> None:
        for topic in self._late_topics:
            self._broker.create_topic(topic, 1)
        self._late_topics.clear()

    def _lead(self, _: str, happening: Happening) -> None:
        arrival = happening.arrival
        if arrival is None:
            raise AssertionError("a lead happens that nobody sends")
        self._tally.note("leads")
        if arrival.kind:
            self._tally.note(arrival.kind)
        value = value_of(arrival, CODEC, self._clock.real_ms())
        partitions = self._broker.counts()[RECEIVED]
        self._broker.send(RECEIVED, value, b"%d" % happening.number, int(happening.lot * partitions))

    def _plan(self, _: str, happening: Happening) -> None:
        self._tally.note("plan_changes")
        if self._broker.waiting(OFFERS):
            self._tally.note("terms_in_flight")
        self.apply(self._versions[happening.number].plan, late_topics=happening.lot < 0.5)

    def _pause(self, _: str, happening: Happening) -> None:
        if self.plan is None:
            return
        plan, lot = self.plan.plan, happening.lot
        kind = ("buyer", "buyer", "contract", "contract", "supplier", "campaign")[int(lot * 6)]
        buyer = plan.buyers[int(lot * 60) % len(plan.buyers)]
        names = {
            "buyer": "",
            "contract": buyer.contracts[0].id,
            "supplier": plan.suppliers[0].id,
            "campaign": plan.campaigns[0].id,
        }
        self._paused[happening.number] = (kind, buyer.id, names[kind])
        until = self._clock.real_ms() + 20 * _SECOND_MS if int(lot * 600) % 2 else -1
        self._tell(happening.number, paused=True, until=until)

    def _resume(self, _: str, happening: Happening) -> None:
        if happening.number in self._paused:
            self._tell(happening.number, paused=False, until=-1)

    def _tell(self, number: int, *, paused: bool, until: int) -> None:
        kind, buyer_id, name = self._paused[number]
        self._tally.note("pauses")
        now_ms = self._clock.real_ms()
        if kind in ("supplier", "campaign"):
            self._broker.send(PAUSES, CODEC.encode(Pause(kind, name, paused, until, now_ms)), f"{kind}/{name}".encode())
            return
        command = BuyerCommand(buyer_id, name, "pause" if paused else "resume", until, now_ms)
        self._broker.send(OFFERS, CODEC.encode(command), buyer_id.encode())

    # --- topics -----------------------------------------------------------------------------------------------

    def _topic(self, detail: str, happening: Happening) -> None:
        if self.plan is None:
            return
        if detail == "back":
            self._make_late_topics()
            self._broker.show_all()
            return
        buyer_ids = self.plan.buyer_ids
        if self._broker.hide(buyer_topic(buyer_ids[int(happening.lot * len(buyer_ids))])):
            self._tally.note("topics_missing")

    # --- time -------------------------------------------------------------------------------------------------

    def pass_time(self, ms: int) -> None:
        """Let time pass for everybody."""
        before = self._clock.real_ms()
        self._clock.advance(ms)
        self._latest_ms = max(self._latest_ms, before + ms)
        if before // _HOUR_MS != (before + ms) // _HOUR_MS or ms > _HOUR_MS:
            self._count_midnights(before, before + ms)

    def _leap(self, detail: str, happening: Happening) -> None:
        lot = happening.lot
        spans = {
            "seconds": lambda: int((1 + 29 * lot) * _SECOND_MS),
            "hours": lambda: int((0.2 + 3 * lot) * _HOUR_MS),
            "midnight": lambda: self._to_midnight(lot) + int((40 * lot - 10) * _SECOND_MS),
            "before-midnight": lambda: self._to_midnight(lot) - 3 * _SECOND_MS,
            "day": lambda: int((0.4 + 0.8 * lot) * _DAY_MS),
        }
        self._tally.note("leaps")
        self.pass_time(max(1, spans[detail]()))

    def _time(self, detail: str, happening: Happening) -> None:
        if detail == "back":
            self._go_back(int((5 + 35 * happening.lot) * _SECOND_MS))
        elif detail == "forward":
            self._tally.note("clocks_forward")
            self._clock.jump(self._clock.real_ms() + int((5 + 60 * happening.lot) * _SECOND_MS))
            self._latest_ms = max(self._latest_ms, self._clock.real_ms())
        else:
            self._skew(int((2 * happening.lot - 1) * SKEW_MOST_MS), happening.lot)

    def _skew(self, off_ms: int, lot: float) -> None:
        processes = self._processes()
        if processes:
            self._tally.note("clocks_forward" if off_ms > 0 else "clocks_back")
            processes[int(lot * len(processes))].clock.skew(off_ms)

    def _go_back(self, back_ms: int) -> None:
        """Set everybody's clock back, as a bad time server does, but never further than the promise goes."""
        now_ms = self._clock.real_ms()
        to_ms = max(now_ms - back_ms, self._latest_ms - BACK_MOST_MS + 2 * SKEW_MOST_MS)
        if to_ms >= now_ms:
            return
        self._tally.note("clocks_back")
        if any(_midnight_after(zone, to_ms) <= now_ms for zone in self._zones()):
            self._tally.note("clocks_back_over_midnight")
        self._clock.jump(to_ms)

    def _redis(self, detail: str, _: Happening) -> None:
        server, tally = self._server, self._tally
        if detail in ("away", "back"):
            server.away = detail == "away"
        elif detail == "replicate":
            server.replicate()
        elif detail == "restart":
            tally.note("redis_restarts")
            server.restart()
        elif server.claims:
            tally.note("redis_wipes" if detail == "wipe" else "redis_failovers")
            if detail == "wipe":
                server.wipe()
            else:
                server.fail_over()

    def _zones(self) -> set[str]:
        return {buyer.time_zone for buyer in self.plan.plan.buyers} if self.plan is not None else set()

    def _to_midnight(self, lot: float) -> int:
        zones, now_ms = sorted(self._zones()), self._clock.real_ms()
        return _midnight_after(zones[int(lot * len(zones))], now_ms) - now_ms if zones else _HOUR_MS

    def _count_midnights(self, before_ms: int, after_ms: int) -> None:
        for zone in self._zones():
            at = _midnight_after(zone, before_ms)
            while at <= after_ms:
                self._tally.note("midnights")
                at = _midnight_after(zone, at)


def _midnight_after(zone: str, at_ms: int) -> int:
    """Return the next time at which the zone's date changes, UTC ms."""
    there = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    midnight = datetime.combine(there.date() + timedelta(days=1), time(), ZoneInfo(zone))
    return int(midnight.timestamp() * 1000)
