"""One turn of an owner: a batch or a tick of one partition, inside one epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from agents.delivery.desk import Desk
from agents.delivery.forward import goes_back, next_open
from agents.delivery.owner import Books, Refusal, Sale, decide
from agents.delivery.sold import body_for, fact_of
from agents.endings import reason_of_right, unfilled
from agents.ranked_anew import with_plan_needed
from agents.status_view import StatusView
from agents.wills import HEADER, will_of
from schemas.codec import Codec
from schemas.identity import right_id, sale_id
from schemas.reasons import Reason
from schemas.records import BuyerCommand, BuyerState, BuyerStatus, BuyerTerms, Candidate, Entry, Slip, Step
from schemas.slip import OfferHead, Opened, Slips
from schemas.topics import BUYER_STATUS, OFFERS, REROUTES, SOLD, UNFILLED, buyer_topic
from streams.stage import Epoch, Message
from tables import entries
from tables.buyers import BuyerRules, with_command, with_terms, without_ended_pauses
from tables.caps import Account, align, buyer_key, contract_key, roll
from tables.expiry import expire

#: How often a buyer's topic that is missing is looked for again, ms: an added buyer sells within 3 s.
_TOPIC_AGAIN_MS: Final = 250


@dataclass(frozen=True, slots=True)
class Office:
    """What all turns share; see `Delivery` for the meaning of each part."""

    codec: Codec
    slips: Slips
    status: StatusView
    topic_known: Callable[[str], bool]
    horizon_ms: int
    tally: Counter[tuple[str, str]]


class Turn:
    """Decides on records and timers of one partition. Call `close` once at the end: it announces what has changed."""

    def __init__(self, office: Office, desk: Desk, partition: int, epoch: Epoch) -> None:
        self._office = office
        self._desk = desk
        self._epoch = epoch
        self._now_ms = epoch.now_ms
        self._caps = epoch.table("caps", partition)
        self._entries = epoch.table("entries", partition)
        #: The accounts of buyers and of contracts that were asked in this turn.
        self._of_buyer: dict[str, Account] = {}
        self._of_contract: dict[str, Account] = {}
        self._stale_ms = office.horizon_ms // entries.HORIZON_FACTOR
        self._touched: set[str] = set()
        self._looked_at: set[str] = set()
        #: The rules of buyers that were asked, as long as no terms or command come in.
        self._rules: dict[str, BuyerRules] = {}

    def open(self) -> None:
        """Announce the standing of all buyers: the desk is new."""
        self._review(self._desk.buyer_ids())

    # --- what comes in -------------------------------------------------------------------------------------------

    def offer(self, offer: Opened, message: Message) -> None:
        """Sell the right to the candidate that is asked, or send it on; exactly one of its ends is emitted (rule 3)."""
        head, head_bytes, body = offer
        route, trace = head.route, head.trace
        position = head.position
        candidate = route[position]
        buyer_id = candidate.buyer_id
        self._touched.add(buyer_id)
        rules = self._rules.get(buyer_id) or self._present(buyer_id)
        entry_key = entries.entry_key(buyer_id, head.slip.lead_id)
        plan_needed = 0
        while True:  # each round is further on in the route, of which this buyer may hold several places
            verdict = self._decide(head.slip, candidate, rules, entry_key)
            if isinstance(verdict, Sale):
                self._sell(head, candidate, verdict, trace, body, entry_key)
                return
            trace += (Step(buyer_id, candidate.contract_id, self._now_ms, verdict.reason, verdict.detail),)
            if verdict.reason == Reason.STALE:
                self._unfilled(head, Reason.STALE, trace)
                return
            if verdict.reason == Reason.TERMS_CHANGED and rules is not None:
                plan_needed = rules.state.terms.plan_version
            onward = next_open(route, position, self._office.status.closing, self._now_ms, test=head.slip.test)
            trace += onward.skipped
            if onward.position is None or (candidate := route[onward.position]).buyer_id != buyer_id:
                self._onward(head, head_bytes, onward.position, trace, body, message, plan_needed)
                return
            position = onward.position

    def terms(self, terms: BuyerTerms) -> None:
        """Take a buyer's terms (rule 13); older ones than those in force are ignored."""
        rules = self._desk.rules(terms.buyer_id)
        state = with_terms(rules.state if rules is not None else None, terms)
        if state is not None:
            missing = not self._office.topic_known(buyer_topic(terms.buyer_id))
            self._replace(terms.buyer_id, replace(state, topic_missing=missing))
        self._review([terms.buyer_id], at_once=True)

    def command(self, command: BuyerCommand) -> None:
        """Pause or resume; of a buyer without terms nothing is remembered, it cannot sell anyway."""
        rules = self._desk.rules(command.buyer_id)
        if rules is not None:
            self._desk.replace(command.buyer_id, with_command(rules.state, command))
        self._review([command.buyer_id], at_once=True)

    def tick(self) -> None:
        """Run the timers that are due."""
        desk = self._desk
        if desk.topics_at is not None and desk.topics_at <= self._now_ms:
            self._look_for_topics()
        for buyer_id in desk.changing(self._now_ms):
            self._touched.add(buyer_id)
            rules = desk.rules(buyer_id)
            if rules is not None and rules.state.pauses:
                lasting = without_ended_pauses(rules.state, self._now_ms)
                if lasting is not rules.state:
                    desk.replace(buyer_id, lasting)
        if desk.expires_at <= self._now_ms:
            horizon_ms = self._office.horizon_ms
            desk.expires_at = expire(self._entries, entries.remembered_at, horizon_ms, self._now_ms)

    def close(self) -> None:
        """Announce what this turn has changed."""
        self._review(self._touched)

    # --- the decision and what follows from it ---------------------------------------------------------------------

    def _decide(self, slip: Slip, candidate: Candidate, rules: BuyerRules | None, entry_key: str) -> Sale | Refusal:
        books = None
        if rules is not None:
            entry: Entry | None = self._entries.get(entry_key)
            of_buyer = self._of_buyer.get(candidate.buyer_id) or self._open_buyer(candidate.buyer_id, rules)
            of_contract = self._of_contract.get(candidate.contract_id)
            books = Books(entry, of_contract or self._open_contract(candidate.contract_id, of_buyer), of_buyer)
        sell_by, stale_at = slip.sell_by, slip.received_at + self._stale_ms
        if stale_at < sell_by:
            sell_by = stale_at
        return decide(rules, books, candidate, test=slip.test, sell_by=sell_by, now_ms=self._now_ms)

    def _open_buyer(self, buyer_id: str, rules: BuyerRules) -> Account:
        counters = roll(self._caps.get(buyer_key(buyer_id)), rules.calendar.at(self._now_ms), self._now_ms)
        account = self._of_buyer[buyer_id] = Account(counters)
        return account

    def _open_contract(self, contract_id: str, of_buyer: Account) -> Account:
        counters = align(self._caps.get(contract_key(contract_id)), of_buyer.counters)
        account = self._of_contract[contract_id] = Account(counters)
        return account

    def _close_accounts(self) -> None:
        """Write down what was counted; who asks next looks at the tables anew."""
        self._rules.clear()
        for key_of, accounts in ((contract_key, self._of_contract), (buyer_key, self._of_buyer)):
            for id_, account in accounts.items():
                if account.has_sold:
                    self._caps.put(key_of(id_), account.close())
            accounts.clear()

    def _sell(
        self,
        head: OfferHead,
        candidate: Candidate,
        sale: Sale,
        trace: tuple[Step, ...],
        body: bytes,
        entry_key: str,
    ) -> None:
        """Reserve and sell in one step: entry, counters, the buyer's lead and the fact (protocol, section 2)."""
        slip, right, buyer_id, now_ms = head.slip, head.right, candidate.buyer_id, self._now_ms
        sale_number = sale_id(right_id(slip.lead_id, right.leg, right.round, right.index), buyer_id)
        self._entries.put(entry_key, Entry(entries.SOLD, sale_number, candidate.contract_id, now_ms))
        if sale.counts:
            self._of_contract[candidate.contract_id].count(sale.price_minor)
            self._of_buyer[buyer_id].count(sale.price_minor)
        fields = sale.rules.contracts[candidate.contract_id].terms.fields
        lead = self._office.slips.seal_buyer_lead(
            slip.lead_id,
            sale_number,
            now_ms,
            sale.price_minor,
            right.currency,
            slip.test,
            body_for(self._office.slips, fields, body) if fields else body,
        )
        fact = fact_of(head, candidate, sale, sale_number, trace, now_ms)
        self._epoch.emit(buyer_topic(buyer_id), lead, slip.lead_id)
        self._epoch.emit(SOLD, self._office.codec.encode(fact), slip.lead_id, known=fact)
        if not slip.test:
            self._office.tally["sold", ""] += 1

    def _onward(
        self,
        head: OfferHead,
        head_bytes: bytes,
        position: int | None,
        trace: tuple[Step, ...],
        body: bytes,
        message: Message,
        plan_needed: int,
    ) -> None:
        """Send a refused right on: to the next owner, back to the router, or to its end.

        `plan_needed`: the plan that this owner's terms are of, if it has refused for terms that had changed; else 0.
        """
        slip, right, slips = head.slip, head.right, self._office.slips
        headers = message.headers or ((HEADER, will_of(slip, right)),)
        if plan_needed:
            headers = with_plan_needed(headers, plan_needed)
        if position is not None:
            offer = slips.offer((slip, head.score, head_bytes, body), right, head.route, position, trace)
            buyer_id = head.route[position].buyer_id
            self._epoch.emit(OFFERS, slips.seal_offer(offer), buyer_id, headers=headers, known=offer)
            self._count(slip, "forwarded", trace[-1].reason)
        elif goes_back(right, trace):
            value = slips.seal_reroute(head_bytes, right, trace, body)
            self._epoch.emit(REROUTES, value, slip.lead_id, headers=headers)
            self._count(slip, "rerouted", Reason.TERMS_CHANGED)
        else:
            self._unfilled(head, reason_of_right(trace), trace)

    def _unfilled(self, head: OfferHead, reason: str, trace: tuple[Step, ...]) -> None:
        fact = unfilled(head.slip, head.right, reason, trace, self._now_ms)
        self._epoch.emit(UNFILLED, self._office.codec.encode(fact), head.slip.lead_id, known=fact)
        self._count(head.slip, "unfilled", reason)

    def _count(self, slip: Slip, outcome: str, reason: str) -> None:
        """Count what was decided; a test lead counts nowhere."""
        if not slip.test:
            self._office.tally[outcome, reason] += 1

    # --- the buyers' topics and standing ---------------------------------------------------------------------------

    def _present(self, buyer_id: str) -> BuyerRules | None:
        """Return the buyer's rules, having looked once a turn whether its topic is there."""
        desk = self._desk
        rules = desk.rules(buyer_id)
        if rules is None:
            return None
        if buyer_id not in self._looked_at:
            self._looked_at.add(buyer_id)
            missing = not self._office.topic_known(buyer_topic(buyer_id))
            if missing != rules.state.topic_missing:
                self._replace(buyer_id, replace(rules.state, topic_missing=missing))
                rules = desk.rules(buyer_id)
        if rules is not None:
            self._rules[buyer_id] = rules
        return rules

    def _look_for_topics(self) -> None:
        """Look again for every topic that is missing."""
        desk = self._desk
        desk.topics_at = None
        for buyer_id in desk.buyer_ids():
            rules = desk.rules(buyer_id)
            if rules is None or not rules.state.topic_missing or rules.state.terms.retired:
                continue
            self._touched.add(buyer_id)
            if self._office.topic_known(buyer_topic(buyer_id)):
                desk.replace(buyer_id, replace(rules.state, topic_missing=False))
            else:
                desk.topics_at = self._now_ms + _TOPIC_AGAIN_MS

    def _replace(self, buyer_id: str, state: BuyerState) -> None:
        """Write a state whose topic was looked for just now."""
        self._desk.replace(buyer_id, state)
        if state.topic_missing and self._desk.topics_at is None:
            self._desk.topics_at = self._now_ms + _TOPIC_AGAIN_MS

    def _review(self, buyer_ids: Iterable[str], *, at_once: bool = False) -> None:
        self._close_accounts()
        self._desk.review(buyer_ids, self._announce, self._now_ms, at_once=at_once)

    def _announce(self, status: BuyerStatus) -> None:
        self._epoch.emit(BUYER_STATUS, self._office.codec.encode(status), status.contract_id)
