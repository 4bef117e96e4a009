"""One turn of the router: a batch of one partition, inside one epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

from agents.asked import asked_of
from agents.endings import unfilled
from agents.ranked_anew import WAIT_MS
from agents.routing.credits import Credits
from agents.routing.eligible import Field, Lineup, Market
from agents.routing.pick import Picks
from agents.routing.rights import Payout, reason_without_pick, rights_of, routes_of
from agents.status_view import StatusView
from agents.wills import HEADER, will_of
from config.plan.compiled import CompiledPlan
from schemas.codec import Codec
from schemas.reasons import Reason
from schemas.records import LeadRejected, Right, Routed, Slip, Step
from schemas.route import Pool, Route
from schemas.slip import Scored, Slips
from schemas.topics import OFFERS, REJECTED, UNFILLED
from streams.stage import Epoch, Table
from tables.routed import routed

#: A lead without terms of its supplier in the plan any more: nothing is owed for it.
_NOTHING_OWED: Final = Payout(0, "on_first_sale")


@dataclass(frozen=True, slots=True)
class Office:
    """What all turns share; see `Routing` for the meaning of each part."""

    codec: Codec
    slips: Slips
    status: StatusView
    tally: Counter[tuple[str, str]]


class Turn:
    """Routes the leads of one batch. `behind`: the plan version that one needs and this worker lacks, or 0."""

    def __init__(
        self,
        office: Office,
        plan: CompiledPlan,
        markets: Mapping[str, Market],
        credits: Credits,
        routed_table: Table[Any],
        epoch: Epoch,
    ) -> None:
        self._office = office
        self._plan = plan
        self._markets = markets
        self._credits = credits
        self._routed = routed_table
        self._epoch = epoch
        self._now_ms = epoch.now_ms
        self._known_rights: dict[tuple[str, str, bool, int], list[Right]] = {}
        self.behind = 0

    def lead(self, scored: Scored) -> None:
        """Route a scored lead, unless it was routed before (rule 2): all of its rights are emitted, in this step."""
        slip, score, _, body = scored
        if slip.plan_version > self._plan.version:
            self.behind = max(self.behind, slip.plan_version)
            return
        known: Routed | None = self._routed.get(slip.lead_id)
        if known is not None:
            self._repeat(slip, known)
            return
        market = self._markets.get(slip.campaign_id)
        count = market.campaign.rights if market is not None else 1
        self._routed.put(slip.lead_id, routed(slip, count, self._now_ms))
        fresh = market is not None and self._now_ms < slip.sell_by
        field = self._field(market, slip, body, score.grade) if market is not None and fresh else _NOBODY
        rights = self._rights(slip, count, field.value_minor)
        candidates = field.pool.candidates
        picks = self._pick(field, count, slip.test) if candidates else _NO_PICKS
        routes = routes_of(field.pool, picks)
        for right, index, route in zip(rights, picks.picked, routes, strict=False):
            self._offer(scored, right, route, field.skipped, candidates[index].buyer_id)
            if not slip.test:
                self._office.tally["offered", ""] += 1
        for right in rights[len(routes) :]:
            reason = reason_without_pick(field) if fresh or market is None else Reason.STALE
            self._unfilled(slip, right, reason, field.skipped)

    def reroute(self, value: bytes, plan_needed: int) -> None:
        """Rank the contracts anew for a right whose route ended after its terms had changed (rule 14), once.

        It keeps its identity and what the supplier is owed. Nobody is charged: the pick that was declined has paid.
        `plan_needed`: the plan by which its terms had changed; a worker that lacks it waits for it, but not for long.
        """
        head, head_bytes, body = self._office.slips.open_reroute(value)
        slip, trace = head.slip, list(head.trace)
        if plan_needed > self._plan.version and self._now_ms < trace[-1].at + WAIT_MS:
            self.behind = max(self.behind, plan_needed)
            return
        market = self._markets.get(slip.campaign_id)
        field = self._field(market, slip, body, head.score.grade) if market is not None else _NOBODY
        right = replace(
            head.right,
            rerouted=True,
            plan_version=self._plan.version,
            routed_at=self._now_ms,
            value_minor=max(head.right.value_minor, field.value_minor),
        )
        trace += field.skipped
        if not field.candidates:
            self._unfilled(slip, right, reason_without_pick(field), trace)
            return
        picks = field.lineup.pick(self._credits.of(field.lineup), 1)
        (route,) = routes_of(field.pool, picks)
        scored = slip, head.score, head_bytes, body
        self._offer(scored, right, route, trace, route[0].buyer_id)
        self._count(slip, "rerouted", Reason.TERMS_CHANGED)

    def _offer(self, scored: Scored, right: Right, route: Route, trace: Sequence[Step], buyer_id: str) -> None:
        """Offer a right to the first of its route."""
        slips = self._office.slips
        offer = slips.offer(scored, right, route, 0, trace)
        will = will_of(scored[0], right)
        self._epoch.emit(OFFERS, slips.seal_offer(offer), buyer_id, headers=((HEADER, will),), known=offer)

    def _field(self, market: Market, slip: Slip, body: bytes, grade: str) -> Field:
        """Return who may be asked for a lead now."""
        values = asked_of(slip, body, self._office.slips.lead_of, self._plan.version)
        return market.field(values, grade, self._office.status, self._now_ms, test=slip.test)

    def _rights(self, slip: Slip, count: int, value_minor: int) -> list[Right]:
        """Return the lead's rights; the payout is pinned from the plan in force now, a test lead has none."""
        key = (slip.supplier_id, slip.campaign_id, slip.test, value_minor)
        rights = self._known_rights.get(key)
        if rights is None:
            terms = self._plan.supplier_terms(slip.supplier_id, slip.campaign_id)
            payout = _NOTHING_OWED if terms is None or slip.test else Payout(terms.payout_minor, terms.owed)
            rights = rights_of(count, payout, self._plan.currency, self._plan.version, value_minor, self._now_ms)
            self._known_rights[key] = rights
        return rights

    def _pick(self, field: Field, rights: int, test: bool) -> Picks:
        """Pick for the rights and charge the picks; a test lead charges nobody."""
        picks = field.lineup.pick(self._credits.of(field.lineup), rights)
        if not test:
            self._credits.set(field.lineup, picks.credits)
        return picks

    def _unfilled(self, slip: Slip, right: Right, reason: str, trace: Sequence[Step]) -> None:
        fact = unfilled(slip, right, reason, trace, self._now_ms)
        self._epoch.emit(UNFILLED, self._office.codec.encode(fact), slip.lead_id, known=fact)
        self._count(slip, "unfilled", reason)

    def _repeat(self, slip: Slip, known: Routed) -> None:
        """Reject a lead that was routed before, naming the received records of both."""
        fact = LeadRejected(
            lead_id=slip.lead_id,
            campaign_id=slip.campaign_id,
            supplier_id=slip.supplier_id,
            supplier_lead_id=slip.supplier_lead_id,
            test=slip.test,
            stage="routing",
            reason=Reason.REPEAT,
            faults=(),
            keys_checked=(),
            key_hit="",
            earlier_lead_id=slip.lead_id,
            earlier_partition=known.received_partition,
            earlier_offset=known.received_offset,
            earlier_at=known.at,
            received_at=slip.received_at,
            received_partition=slip.received_partition,
            received_offset=slip.received_offset,
            rejected_at=self._now_ms,
            plan_version=slip.plan_version,
        )
        self._epoch.emit(REJECTED, self._office.codec.encode(fact), slip.lead_id)
        self._count(slip, "repeat", Reason.REPEAT)

    def _count(self, slip: Slip, outcome: str, reason: str) -> None:
        """Count what was decided; a test lead counts nowhere."""
        if not slip.test:
            self._office.tally[outcome, reason] += 1


_NOBODY: Final = Field(Lineup(()), Pool(()), (), 0, 0)
_NO_PICKS: Final = Picks([], [], [])
