"""Decisions by clocks that may not decide: more than a minute ahead of the broker's, or behind it."""

from __future__ import annotations

from typing import Any

from console.audit.findings import Place, Rule
from console.audit.history import History, replace
from console.audit.planting.registry import place, violates
from console.audit.planting.sales import later
from console.audit.slack import USUAL
from schemas.records import LeadClosed, LeadRejected, LeadScored, LeadUnique, RightUnfilled
from schemas.topics import CLOSED, REJECTED, SCORED, UNFILLED, UNIQUE


@violates(Rule.CLOCK)
def a_sale_by_a_clock_that_is_ahead(history: History) -> Place:
    """Decided two minutes after it was appended."""
    return later(history, 2 * USUAL.clock_ms)


@violates(Rule.CLOCK)
def a_sale_by_a_clock_that_is_behind(history: History) -> Place:
    """Decided so long before it was appended that no epoch can have taken that time."""
    return later(history, -2 * (USUAL.clock_ms + USUAL.epoch_ms))


@violates(Rule.CLOCK)
def an_intake_by_a_clock_that_is_ahead(history: History) -> Place:
    """The lead says so on its whole way."""
    message, lead = history.first(UNIQUE, LeadUnique)

    def alter(record: Any) -> Any:
        return replace(record, slip=replace(record.slip, unique_at=message.timestamp_ms + USUAL.clock_ms))

    history.rewrite(lead.slip.lead_id, alter)
    return place(message)


@violates(Rule.CLOCK)
def a_rejection_by_a_clock_that_is_ahead(history: History) -> Place:
    """A lead that is refused in the future."""
    message, rejection = history.first(REJECTED, LeadRejected)
    return history.change(message, replace(rejection, rejected_at=message.timestamp_ms + USUAL.clock_ms))


@violates(Rule.CLOCK)
def a_score_by_a_clock_that_is_ahead(history: History) -> Place:
    """The lead says so on its whole way."""
    message, lead = history.first(SCORED, LeadScored)

    def alter(record: Any) -> Any:
        at = message.timestamp_ms + USUAL.clock_ms
        return replace(record, score=replace(record.score, scored_at=at)) if hasattr(record, "score") else record

    history.rewrite(lead.slip.lead_id, alter)
    return place(message)


@violates(Rule.CLOCK)
def an_end_by_a_clock_that_is_ahead(history: History) -> Place:
    """A right that ends unsold in the future."""
    message, end = history.first(UNFILLED, RightUnfilled)
    return history.change(message, replace(end, unfilled_at=message.timestamp_ms + USUAL.clock_ms))


@violates(Rule.CLOCK)
def a_closing_by_a_clock_that_is_behind(history: History) -> Place:
    """A lead that was closed an hour before the record that says so."""
    message, closing = history.first(CLOSED, LeadClosed)
    return history.change(message, replace(closing, closed_at=message.timestamp_ms - 3_600_000))
