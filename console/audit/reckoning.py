"""The law and the counts as they grow: plan versions, pauses, what owners were told, every sale in every window."""

from __future__ import annotations

from collections.abc import Iterator

from console.audit.cases import Sale
from console.audit.counts import Counts, Fill, Gap
from console.audit.findings import Finding, Place, Rule
from console.audit.inbox import Inbox, told_wrong
from console.audit.judging import Law
from console.audit.plans import read_plan
from schemas.records import BuyerTerms, PlanVersion


class Reckoning:
    """Takes what rules, and counts what was sold by it; what names an unknown plan version waits for that version."""

    def __init__(self, law: Law, found: list[Finding]) -> None:
        self.inbox = Inbox()
        self.currency = ""
        self._law = law
        self._found = found
        self._counts = Counts()
        self._uncounted: dict[int, list[Sale]] = {}
        self._untold: dict[int, list[tuple[Place, BuyerTerms]]] = {}

    def enact(self, record: PlanVersion, at: Place, appended_at: int) -> None:
        """Take a version of the plan that was published at a broker time, and what has waited for it."""
        try:
            plan = read_plan(record.version, record.plan_json, appended_at)
        except (KeyError, TypeError, ValueError) as error:
            self._find(Rule.PLAN, at, f"plan {record.version}", "a plan's JSON", type(error).__name__)
            return
        if plan.hash != record.hash:
            self._find(Rule.PLAN, at, f"plan {plan.version}", f"hash {plan.hash}", record.hash)
        before = self._law.plans.get(plan.version)
        if before is not None and before.hash != plan.hash:
            self._find(
                Rule.PLAN, at, f"plan {plan.version}", "a version to be published once", "another one of its number"
            )
        self._law.enact(plan)
        self.currency = plan.currency
        for sale in self._uncounted.pop(plan.version, ()):
            self.count(sale)
        for place, terms in self._untold.pop(plan.version, ()):
            self._compare(terms, place)

    def tell(self, terms: BuyerTerms, at: Place) -> None:
        """Take what a buyer's owner is told."""
        self.inbox.tell(terms)
        self._compare(terms, at)

    def _compare(self, terms: BuyerTerms, at: Place) -> None:
        plan = self._law.plans.get(terms.plan_version)
        if plan is None:
            self._untold.setdefault(terms.plan_version, []).append((at, terms))
            return
        wrong = told_wrong(terms, plan)
        if wrong is not None:
            self._find(Rule.BUYER_TERMS, at, f"terms of {terms.buyer_id} by plan {plan.version}", *wrong)

    def count(self, sale: Sale) -> None:
        """Count a sale, and hold the caps of its plan version against the counts; a test lead counts nowhere."""
        fact = sale.fact
        if fact.test:
            return
        plan = self._law.plans.get(fact.buyer_plan_version)
        if plan is None:
            self._uncounted.setdefault(fact.buyer_plan_version, []).append(sale)
            return
        subject = f"sale {fact.sale_id} of lead {fact.lead_id}"
        for over in self._counts.count(fact, plan):
            expected = f"{over.holder} at {over.limit.limit} {over.limit.measure} a {over.limit.window} at most"
            self._find(Rule.CAP, sale.at, subject, expected, f"{over.used} with it")
        for use in self._counts.write(fact, sale.at):
            expected = f"a place under the {use.scope}'s cap a {use.window} that is free"
            self._find(Rule.CAP_RECORD, sale.at, subject, expected, f"{use.before} -> {use.after}, as another sale has")

    def close_windows(self, before_ms: int, since_ms: int) -> None:
        """Forget windows that were over before a time, with a last look at their counts."""
        self._tell_gaps(self._counts.close(before_ms, since_ms))

    def end(self, since_ms: int) -> tuple[Fill, ...]:
        """Look at every count of windows that began at or after a time; return how full the newest plan's caps are."""
        self._tell_gaps(self._counts.gaps(since_ms))
        for at, terms in [each for told in self._untold.values() for each in told]:
            version = f"version {terms.plan_version}"
            self._find(Rule.PLAN, at, f"terms of {terms.buyer_id}", "a version of internal.plan", version)
        plans = self._law.plans
        return tuple(self._counts.fills(plans[max(plans)])) if plans else ()

    def _tell_gaps(self, gaps: Iterator[Gap]) -> None:
        for gap in gaps:
            self._find(Rule.CAP_RECORD, gap.at, gap.holder, gap.expected, gap.found)

    def _find(self, rule: Rule, at: Place, subject: str, expected: str, found: str) -> None:
        self._found.append(Finding(rule, at, subject, expected, found))
