"""Whatever happens, in whatever order: no cap is passed, and every right is in exactly one place.

Hypothesis drives routing, delivery and settlement by single epochs of few records, with crashes, moves, clocks that
jump, stale status, changed plans, pauses and missing topics, and after each step looks at all records and tables.
"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

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
    Slip,
)
from schemas.topics import CLOSED, OFFERS, REROUTES, SCORED, SOLD, UNFILLED, buyer_topic
from tests.support.leads import HOUR_MS, make_slip
from tests.support.pipeline import CODEC, Pipeline
from tests.support.plans import Seller, market

BUYERS = ("a", "b", "c")
RIGHTS = 2
ZONES = ("America/Los_Angeles", "Asia/Tokyo")
TIGHT = ("{leads: {hour: 1, day: 2}}", "{leads: {total: 3}}", "{spend: {day: 40.00}}", "{spend: {week: 55.00}}")

sellers = st.tuples(
    *[
        st.builds(
            Seller,
            id=st.just(buyer_id),
            price=st.sampled_from(["10.00", "30.00"]),
            caps=st.sampled_from(["unlimited", "unlimited", *TIGHT]),
            contract_caps=st.sampled_from(["unlimited", "unlimited", "unlimited", *TIGHT]),
            zone=st.sampled_from(ZONES),
            priority=st.integers(1, 2),
            tests=st.booleans(),
        )
        for buyer_id in BUYERS
    ]
)
#: Two that are soon full and one behind them that never is: where the rights of a lead meet again.
CROWDED = (
    Seller("a", caps="{leads: {hour: 1, day: 2}}"),
    Seller("b", contract_caps="{spend: {day: 40.00}}", zone="Asia/Tokyo"),
    Seller("c", price="10.00", priority=2),
)
#: Which of the sources that have something runs next, and whether it crashes: 0 of 8.
epochs = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=12)


class Rights(RuleBasedStateMachine):
    """Leads go in, epochs run and fail, the world changes; the invariants of the protocol hold throughout.

    Leads stay fresh for two days, so that most of what happens meets rights that are still on their way.
    """

    LEADS_MAX: ClassVar = 12

    @initialize(chosen=st.one_of(st.just(CROWDED), sellers), followed=st.booleans(), back=st.booleans())
    def start(self, chosen: tuple[Seller, ...], followed: bool, back: bool) -> None:
        self.version = 1
        plan = market(*chosen, rights=RIGHTS, sell_within="2d")
        self.pipeline = Pipeline(plan, lead_partitions=2, buyer_partitions=2, follow=followed)
        self.slips: list[Slip] = []
        self.sell_by: dict[str, int] = {}
        #: Terms and price of each contract by the plan version that its owner was told.
        self.prices: dict[tuple[int, str], tuple[str, int]] = {}
        self._learn_prices()
        self.pipeline.drain()
        if back:
            self.the_clock_goes_over_a_windows_end_and_back(14)
        else:
            self.leads_come([False, False])

    def _learn_prices(self) -> None:
        for contract in self.pipeline.plan.campaigns["solar-us"].contracts:
            self.prices[self.version, contract.contract_id] = (contract.terms, contract.price({}, "A")[0])

    # --- what happens ----------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.slips) < self.LEADS_MAX)
    @rule(tests=st.lists(st.sampled_from([False, False, False, True]), min_size=1, max_size=3))
    def leads_come(self, tests: list[bool]) -> None:
        for test in tests:
            number, now_ms = len(self.slips), self.pipeline.now_ms
            slip = make_slip(number, now_ms=now_ms, sell_within_ms=48 * HOUR_MS, test=test)
            self.slips.append(slip)
            self.sell_by[slip.lead_id] = slip.sell_by
            self.pipeline.lead(slip)

    @rule(number=st.integers(0, 11))
    def a_lead_comes_again(self, number: int) -> None:
        self.pipeline.lead(self.slips[number % len(self.slips)])

    @rule(chosen=epochs, records=st.integers(1, 3))
    def epochs_run(self, chosen: list[tuple[int, int]], records: int) -> None:
        pipeline = self.pipeline
        for number, fate in chosen:
            ready = [source for source in pipeline.sources() if pipeline.has_more(source[1], source[2])]
            if ready:
                pipeline.step(*ready[number % len(ready)], records, crash=not fate)
        self.check()

    @rule()
    def everything_runs(self) -> None:
        self.pipeline.drain(records_max=2)
        self.check()

    @rule()
    def timers_run(self) -> None:
        self.pipeline.tick()

    @rule(number=st.integers(0, 20))
    def a_partition_moves(self, number: int) -> None:
        partitions = list(self.pipeline.partitions())
        self.pipeline.move(*partitions[number % len(partitions)])

    @rule(hours=st.sampled_from([-25, -1, 1, 14, 25, 49]))
    def the_clock_moves(self, hours: int) -> None:
        self.pipeline.now_ms += hours * HOUR_MS

    @precondition(lambda self: len(self.slips) < self.LEADS_MAX)
    @rule(hours=st.sampled_from([1, 14]))
    def the_clock_goes_over_a_windows_end_and_back(self, hours: int) -> None:
        for moved in (0, hours, -hours):
            self.pipeline.now_ms += moved * HOUR_MS
            self.leads_come([False])
            self.everything_runs()

    @rule()
    def the_routers_hear(self) -> None:
        self.pipeline.follow_status()

    @rule(chosen=sellers)
    def the_plan_changes(self, chosen: tuple[Seller, ...]) -> None:
        self.version += 1
        self.pipeline.apply(market(*chosen, rights=RIGHTS, version=self.version, sell_within="2d"))
        self._learn_prices()

    @rule(buyer_id=st.sampled_from(BUYERS), action=st.sampled_from(["pause", "resume"]), whole=st.booleans())
    def a_person_commands(self, buyer_id: str, action: str, whole: bool) -> None:
        contract_id = "" if whole else f"{buyer_id}-solar"
        self.pipeline.tell(BuyerCommand(buyer_id, contract_id, action, -1, self.pipeline.now_ms))

    @rule(buyer_id=st.sampled_from(BUYERS))
    def a_topic_comes_or_goes(self, buyer_id: str) -> None:
        self.pipeline.missing ^= {buyer_topic(buyer_id)}

    # --- what holds ------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Look at all records and tables."""
        self.every_right_is_in_exactly_one_place()
        self.no_cap_is_passed_and_every_sale_is_counted()
        self.counters_are_the_entries()

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

    def no_cap_is_passed_and_every_sale_is_counted(self) -> None:
        """I1, I2, I7, I8: judged from the sales alone, in their order."""
        used: Counter[tuple[str, str, str, int]] = Counter()
        have: set[tuple[str, str]] = set()
        for sold in sorted(self.pipeline.records(SOLD, LeadSold), key=self._order_of_sale):
            assert (sold.lead_id, sold.buyer_id) not in have
            have.add((sold.lead_id, sold.buyer_id))
            assert sold.sold_at < self.sell_by[sold.lead_id]
            terms, price_minor = self.prices[sold.buyer_plan_version, sold.contract_id]
            assert (sold.terms, sold.price_minor) == (terms, 0 if sold.test else price_minor)
            if sold.test:
                assert sold.caps == ()
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
        self.check()
        came = {record.slip.lead_id for record in pipeline.records(SCORED, LeadScored)}
        closed = pipeline.records(CLOSED, LeadClosed)
        assert sorted(lead.lead_id for lead in closed) == sorted(came)
        sales = Counter(sold.lead_id for sold in pipeline.records(SOLD, LeadSold))
        assert all(lead.sold == sales[lead.lead_id] for lead in closed)
        assert pipeline.table(pipeline.settlement, "open-leads") == {}


TestRights = Rights.TestCase
TestRights.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
