"""The leads on their way, and what is remembered of those that have ended: opens a case, judges and drops it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from console.audit.cases import Case, Flow, Origin
from console.audit.findings import Finding, Place, Rule
from console.audit.intake import person_keys
from console.audit.judging import Law, judge, judge_again, judge_as_it_is, settled
from console.audit.memory import Sightings, Times, digest
from console.audit.opening import Opened
from console.audit.scope import Scope
from console.audit.verdict import Figures
from schemas.errors import Poison
from streams.stage import Message

HOUR_MS: Final = 3_600_000


def place_of(message: Message) -> Place:
    """Return where a record stands."""
    return _place(message[:3])


#: Place's own way takes its parts one by one, at three times the cost; there are ten of them a lead.
_place = partial(tuple.__new__, Place)


class Docket:
    """All open cases. What it finds is put into `found`, for whoever asks to take away."""

    def __init__(
        self,
        law: Law,
        figures: Figures,
        scope: Scope | None,
        horizon_ms: int,
        forget_head: Callable[[str], None] = lambda lead_id: None,
    ) -> None:
        self.found: list[Finding] = []
        self._law = law
        self._on_time = law.slack.bounds
        self._figures = figures
        self._scope = scope
        self._horizon_ms = horizon_ms
        self._forget_head = forget_head
        self._cases: dict[str, Case] = {}
        #: What was told of leads that were overdue; they stay open, for they may still come to their end.
        self._told: dict[str, frozenset[Finding]] = {}
        self._ended, self._rejected, self._outside = Times(), Times(), Times()
        self._persons = Sightings()

    def __len__(self) -> int:
        return len(self._cases)

    @property
    def remembered_bytes(self) -> int:
        """What the memory of ended leads takes."""
        return sum(memory.bytes for memory in (self._ended, self._persons, self._rejected, self._outside))

    def judged(self, origin: Origin) -> bool:
        """Whether a received record is to be judged."""
        return self._scope is None or self._scope.holds(origin)

    def case(self, lead_id: str, message: Message) -> Case:
        """Return the case of a lead, opened with this record if there is none."""
        case = self._cases.get(lead_id)
        if case is None:
            key = digest(lead_id)
            ended = self._ended.get(key)
            again = ended > 0 and message.timestamp_ms - ended < self._horizon_ms
            case = self._cases[lead_id] = Case(lead_id, key, message.timestamp_ms, again=again)
        return case

    def flow(self, opened: Opened, message: Message) -> tuple[Case, Flow] | None:
        """Return the passage of a record, None when its lead is not judged; a record of another lead is a misfit."""
        slip, score, body = opened
        origin = (slip.received_partition, slip.received_offset)
        if not self.judged(origin):
            self._forget_head(slip.lead_id)
            return None
        case = self.case(slip.lead_id, message)
        flow = case.flow(origin)
        fits = True
        if flow.slip is None:
            flow.slip, flow.body, flow.asked = slip, body, {**slip.attributes, **slip.private}
        else:
            fits = (flow.slip is slip or flow.slip == slip) and flow.body == body
        if score is not None:
            if flow.score is None:
                flow.score = score
            else:
                fits = fits and (flow.score is score or flow.score == score)
        if not fits:
            case.misfits.append(place_of(message))
        return case, flow

    def on_time(self, message: Message, decided_at: int, what: str, id_: str) -> None:
        """Hold the time of a decision against the broker's time of its record."""
        if self._on_time[0] < decided_at - message.timestamp_ms < self._on_time[1]:
            return
        wrong = self._law.slack.apart(decided_at, message.timestamp_ms)
        self.found.append(Finding(Rule.CLOCK, place_of(message), f"{what} {id_}", "a clock that is right", wrong))

    def rejected(self, origin: Origin, at_ms: int) -> None:
        """Remember that intake rejected a received record."""
        self._rejected.put(digest(*map(str, origin)), at_ms)

    def outside(self, lead_id: str, sale_id: str, at_ms: int) -> None:
        """Remember a sale of a lead that is not judged, and drop what its buyer's record had opened."""
        self._outside.put(digest(sale_id), at_ms)
        case = self._cases.get(lead_id)
        if case is not None and not case.flows and not case.rights:
            self._drop(case)

    def is_outside(self, sale_id: str) -> bool:
        """Whether a sale is one of a lead that is not judged."""
        return self._scope is not None and self._outside.get(digest(sale_id)) > 0

    # --- judging -----------------------------------------------------------------------------------------------

    def settle(self, case: Case | None) -> None:
        """Judge and drop a case if nothing is missing."""
        if case is None or not (case.closed is not None or case.again):
            return
        if case.again and (case.rights or case.delivered or case.closed):
            self._find(case, judge_again(case))
            self._drop(case)
            return
        if not self._settled(case):
            return
        self._find(case, judge(case, self._law))
        self._add_up(case)
        self._drop(case)

    def _settled(self, case: Case) -> bool:
        try:
            return settled(case, self._law)
        except Poison:  # found when it is judged as it is
            return False

    def _find(self, case: Case, findings: Iterable[Finding]) -> None:
        """Keep what is found of a lead and was not told before.

        A route is read as far as it is asked for: only now may it be unreadable.
        """
        told = self._told.get(case.lead_id, ())
        try:
            self.found.extend(each for each in findings if each not in told)
        except Poison:
            subject = f"a route of lead {case.lead_id}"
            self.found.append(
                Finding(Rule.UNREADABLE, case.place, subject, "one that can be read", "bytes that are none")
            )

    def _drop(self, case: Case) -> None:
        del self._cases[case.lead_id]
        self._told.pop(case.lead_id, None)
        self._forget_head(case.lead_id)

    def of_flow(self, flow: Flow) -> Case | None:
        """Return the open case of a passage."""
        return self._cases.get(flow.slip.lead_id) if flow.slip is not None else None

    def overdue(self, before_ms: int) -> None:
        """Report leads that have waited since before a time, each once. They stay open, for they may still end."""
        for case in [case for case in self._cases.values() if case.since_ms < before_ms]:
            if case.lead_id in self._told:
                continue
            before = len(self.found)
            self._report(case)
            if case.again or not case.flows:
                self._add_up(case)
                self._drop(case)
            elif not case.set_aside:
                self._told[case.lead_id] = frozenset(self.found[before:])
        self.found += self._law.convict(before_ms)

    def close(self) -> None:
        """Judge every open case as it is."""
        for case in list(self._cases.values()):
            self.settle(case)
        for case in self._cases.values():
            self._report(case)
            self._add_up(case)
        self.found += self._law.convict(None)

    def forget(self, before_ms: int) -> None:
        """Drop what is known of leads that ended before a time, or were told of and have not."""
        for case in [case for case in self._cases.values() if case.since_ms < before_ms]:
            self._drop(case)
        for memory in (self._ended, self._persons, self._rejected, self._outside):
            memory.forget(before_ms)

    def _report(self, case: Case) -> None:
        """Judge a case with all that is missing."""
        if not (case.flows or case.rights or case.delivered or case.closed or case.extras):
            return  # only dead letters: of a lead that is not judged, or of a record that names none
        origins: Iterable[Origin] = case.flows or _origins_of(case)
        rejected = any(self._rejected.get(digest(*map(str, origin))) for origin in origins)
        self._find(case, judge_as_it_is(case, self._law, rejected))

    def _add_up(self, case: Case) -> None:
        """Put the lead into the figures, and remember it."""
        if case.closed is None or case.again:
            if case.again:
                self._ended.put(case.key, case.since_ms)
            return
        self._ended.put(case.key, case.since_ms)
        self._hold_person(case)
        figures, fact = self._figures, case.closed.fact
        figures.closed += 1
        if fact.test:
            figures.tests += 1
            return
        figures.sold += fact.sold > 0
        figures.sales += fact.sold
        if not fact.sold:
            figures.unsold[fact.reason] += 1
        figures.revenue_minor += fact.revenue_minor
        figures.payout_minor += fact.payout_minor

    def _hold_person(self, case: Case) -> None:
        """Hold the lead's person against all that were unique before: the claims of intake, recomputed."""
        flow = case.routed
        if flow is None or flow.slip is None or flow.values is None or flow.slip.test:
            return
        slip, plan = flow.slip, self._law.plans.get(flow.slip.plan_version)
        campaign = plan.campaigns.get(slip.campaign_id) if plan else None
        if campaign is None:
            return
        for likeness, parts in person_keys(campaign, flow.values):
            apart = self._persons.nearest(digest(*parts), slip.received_at, likeness.within_ms)
            if apart is not None:
                subject = f"lead {slip.lead_id} and another one with the same {likeness.label}"
                at, expected = flow.unique or case.place, f"{likeness.within_ms} ms apart, or one of them rejected"
                self.found.append(Finding(Rule.DUPLICATE_SOLD, at, subject, expected, f"both unique, {apart} ms apart"))


def _origins_of(case: Case) -> list[Origin]:
    return [(sale.fact.received_partition, sale.fact.received_offset) for sale in case.sales]
