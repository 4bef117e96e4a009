"""Whatever happens, in whatever order: no cap is passed, and every right is in exactly one place.

Hypothesis drives routing, delivery and settlement by single epochs of few records, with crashes, moves, clocks that
jump, stale status, changed plans, pauses and missing topics, and after each step looks at all records and tables.
"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.identity import right_id
from schemas.records import (
    BuyerCommand,
    BuyerLead,
    Counters,
    LeadClosed,
    LeadScored,
    LeadSold,
    Offer,
    Reroute,
    RightUnfilled,
)
from schemas.topics import CLOSED, OFFERS, REROUTES, SCORED, SOLD, UNFILLED, buyer_topic
from tests.support.leads import HOUR_MS, make_slip
from tests.support.pipeline import CODEC, Pipeline
from tests.support.plans import Seller, market

BUYERS = ("a", "b", "c", "d")
RIGHTS = 2
ZONES = ("America/Los_Angeles", "America/New_York", "Asia/Tokyo", "UTC")

sellers = st.tuples(
    *[
        st.builds(
            Seller,
            id=st.just(buyer_id),
            price=st.sampled_from(["10.00", "30.00"]),
            caps=st.sampled_from(
                ["unlimited", "{leads: {hour: 1, day: 3}}", "{leads: {total: 4}}", "{spend: {day: 40.00}}"]
            ),
            contract_caps=st.sampled_from(["unlimited", "{leads: {day: 2}}", "{spend: {week: 50.00}}"]),
            hours=st.sampled_from(["always", "{mon-fri: 08:00-20:00}"]),
            zone=st.sampled_from(ZONES),
            weight=st.integers(1, 3),
            priority=st.integers(1, 2),
            tests=st.booleans(),
        )
        for buyer_id in BUYERS
    ]
)


class Rights(RuleBasedStateMachine):
    """Leads go in, epochs run and fail, the world changes; the invariants of the protocol hold throughout."""

    LEADS_MAX: ClassVar = 8

    @initialize(chosen=sellers)
    def start(self, chosen: tuple[Seller, ...]) -> None:
        self.version = 1
        self.pipeline = Pipeline(market(*chosen, rights=RIGHTS), lead_partitions=2, buyer_partitions=2, follow=False)
        self.numbers = 0
        self.sell_by: dict[str, int] = {}
        self.prices: dict[str, set[int]] = {}
        self._learn_prices()

    def _learn_prices(self) -> None:
        for contract in self.pipeline.plan.campaigns["solar-us"].contracts:
            self.prices.setdefault(contract.terms, set()).add(contract.price({}, "A")[0])

    # --- what happens ----------------------------------------------------------------------------------------

    @precondition(lambda self: self.numbers < self.LEADS_MAX)
    @rule(test=st.sampled_from([False, False, False, True]), repeat=st.booleans())
    def a_lead_comes(self, test: bool, repeat: bool) -> None:
        self.numbers += 1
        slip = make_slip(self.numbers, now_ms=self.pipeline.now_ms, test=test, plan_version=1)
        self.sell_by[slip.lead_id] = slip.sell_by
        for _ in range(1 + repeat):
            self.pipeline.lead(slip)

    @rule(data=st.data(), records=st.integers(1, 3), crash=st.sampled_from([False, False, False, True]))
    def an_epoch_runs(self, data: st.DataObject, records: int, crash: bool) -> None:
        pipeline = self.pipeline
        ready = [source for source in pipeline.sources() if pipeline.has_more(source[1], source[2])]
        if ready:
            stage, topic, partition = data.draw(st.sampled_from(ready))
            pipeline.step(stage, topic, partition, records, crash=crash)

    @rule()
    def timers_run(self) -> None:
        self.pipeline.tick()

    @rule(data=st.data())
    def a_partition_moves(self, data: st.DataObject) -> None:
        stage, partition = data.draw(st.sampled_from(list(self.pipeline.partitions())))
        self.pipeline.move(stage, partition)

    @rule(hours=st.sampled_from([-3, -1, 0, 1, 5, 14, 25]), minutes=st.sampled_from([0, 1, 14]))
    def the_clock_moves(self, hours: int, minutes: int) -> None:
        self.pipeline.now_ms += hours * HOUR_MS + minutes * 60_000

    @rule()
    def the_routers_hear(self) -> None:
        self.pipeline.follow_status()

    @rule(chosen=sellers)
    def the_plan_changes(self, chosen: tuple[Seller, ...]) -> None:
        self.version += 1
        self.pipeline.apply(market(*chosen, rights=RIGHTS, version=self.version))
        self._learn_prices()

    @rule(buyer_id=st.sampled_from(BUYERS), action=st.sampled_from(["pause", "resume"]), whole=st.booleans())
    def a_person_commands(self, buyer_id: str, action: str, whole: bool) -> None:
        contract_id = "" if whole else f"{buyer_id}-solar"
        self.pipeline.tell(BuyerCommand(buyer_id, contract_id, action, -1, self.pipeline.now_ms))

    @rule(buyer_id=st.sampled_from(BUYERS))
    def a_topic_comes_or_goes(self, buyer_id: str) -> None:
        self.pipeline.missing ^= {buyer_topic(buyer_id)}

    # --- what holds ------------------------------------------------------------------------------------------

    @invariant()
    def every_right_is_in_exactly_one_place(self) -> None:
        """I3: an Offer or Reroute that waits, or one end."""
        pipeline = self.pipeline
        places: Counter[str] = Counter()
        for topic in (OFFERS, REROUTES):
            for message in pipeline.waiting(topic):
                record = CODEC.decode(message.value or b"")
                if isinstance(record, Offer | Reroute):
                    right = record.right
                    places[right_id(record.slip.lead_id, right.leg, right.round, right.index)] += 1
        ends: list[LeadSold | RightUnfilled] = [*pipeline.records(SOLD, LeadSold)]
        ends += pipeline.records(UNFILLED, RightUnfilled)
        places.update(right_id(end.lead_id, end.leg, end.round, end.index) for end in ends)
        routed = pipeline.table(pipeline.routing, "routed")
        assert places == Counter(right_id(lead, 1, 0, index) for lead in routed for index in range(RIGHTS))

    @invariant()
    def no_cap_is_passed_and_every_sale_is_counted(self) -> None:
        """I1, I2, I7, I8: judged from the sales alone, in their order."""
        used: Counter[tuple[str, str, str, int]] = Counter()
        have: set[tuple[str, str]] = set()
        for sold in sorted(self.pipeline.records(SOLD, LeadSold), key=self._order_of_sale):
            assert (sold.lead_id, sold.buyer_id) not in have
            have.add((sold.lead_id, sold.buyer_id))
            assert sold.sold_at < self.sell_by[sold.lead_id]
            assert sold.test or sold.price_minor in self.prices[sold.terms]
            if sold.test:
                assert (sold.price_minor, sold.caps) == (0, ())
                continue
            for use in sold.caps:
                assert use.after <= use.limit
                key = (getattr(sold, f"{use.scope}_id"), use.measure, use.window, use.window_start_at)
                assert use.before == used[key]
            for scope_id in (sold.buyer_id, sold.contract_id):
                for window in ("hour", "day", "week", "month", "total"):
                    start = 0 if window == "total" else getattr(sold.windows, f"{window}_at")
                    used[scope_id, "leads", window, start] += 1
                    used[scope_id, "spend", window, start] += sold.price_minor

    def _order_of_sale(self, sold: LeadSold) -> int:
        """Return the place of a sale in its buyer's topic: one writer, so the order of its decisions."""
        log = self.pipeline.logs(buyer_topic(sold.buyer_id))[0]
        return next(message.offset for message in log if message.key == sold.lead_id.encode())

    @invariant()
    def counters_are_the_entries(self) -> None:
        """I4: what is counted was sold, in all, and is remembered."""
        pipeline = self.pipeline
        sold = Counter(sold.buyer_id for sold in pipeline.records(SOLD, LeadSold) if not sold.test)
        for key, counters in pipeline.table(pipeline.delivery, "caps").items():
            assert isinstance(counters, Counters)
            if key.startswith("buyer/"):
                assert counters.total.leads == sold[key.removeprefix("buyer/")]
        entries = len(pipeline.table(pipeline.delivery, "entries"))
        assert entries == len(pipeline.records(SOLD, LeadSold))
        assert entries == sum(len(pipeline.records(buyer_topic(buyer_id), BuyerLead)) for buyer_id in BUYERS)

    def teardown(self) -> None:
        """At rest every lead has closed once, with the sales that it had."""
        if not hasattr(self, "pipeline"):
            return
        pipeline = self.pipeline
        pipeline.drain()
        self.every_right_is_in_exactly_one_place()
        self.no_cap_is_passed_and_every_sale_is_counted()
        came = {record.slip.lead_id for record in pipeline.records(SCORED, LeadScored)}
        closed = pipeline.records(CLOSED, LeadClosed)
        assert sorted(lead.lead_id for lead in closed) == sorted(came)
        sales = Counter(sold.lead_id for sold in pipeline.records(SOLD, LeadSold))
        assert all(lead.sold == sales[lead.lead_id] for lead in closed)
        assert pipeline.table(pipeline.settlement, "open-leads") == {}


TestRights = Rights.TestCase
TestRights.settings = settings(max_examples=20, stateful_step_count=40, deadline=None)
