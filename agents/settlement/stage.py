"""The stage `settlement`: waits for the ends of a lead's rights and closes the lead once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from agents.settlement.settle import settle
from schemas.codec import Codec
from schemas.errors import Undecodable
from schemas.records import LeadClosed, LeadSold, OpenLead, RightUnfilled
from schemas.topics import CLOSED, SOLD, UNFILLED
from streams.stage import Batch, Epoch, Message, Stage


def _untimed(took_ms: int) -> None:
    """Note nothing."""


class Settlement(Stage):
    """Closes leads.

    Args:
        codec: how records are read and written.
        tally: counts each closed lead (sold, unsold) with its reason code, for metrics; test leads count nowhere.
        sold_after: told of each sale how many ms passed since the lead was received, for metrics.
    """

    name = "settlement"
    sources = (SOLD, UNFILLED)
    tables = {"open-leads": OpenLead}  # noqa: RUF012 - read only, as in the base

    def __init__(
        self,
        codec: Codec,
        *,
        tally: Counter[tuple[str, str]] | None = None,
        sold_after: Callable[[int], None] = _untimed,
    ) -> None:
        self._codec = codec
        self._tally = Counter() if tally is None else tally
        self._sold_after = sold_after

    def process(self, batch: Batch, epoch: Epoch) -> None:
        """Take the end of each right in turn."""
        open_leads = epoch.table("open-leads", batch.partition)
        for message in batch.messages:
            end: LeadSold | RightUnfilled = message.known or self._read(message)
            if isinstance(end, LeadSold) and not end.test:
                self._sold_after(end.sold_at - end.received_at)
            known: OpenLead | None = open_leads.get(end.lead_id)
            lead = settle(known, end, epoch.now_ms)
            if isinstance(lead, OpenLead):
                open_leads.put(end.lead_id, lead)
                continue
            if known is not None:
                open_leads.delete(end.lead_id)
            self._close(lead, epoch)

    def _read(self, message: Message) -> LeadSold | RightUnfilled:
        if message.value is None:
            raise Undecodable(f"a record of {message.topic} without a value")
        end = self._codec.decode(message.value)
        if not isinstance(end, LeadSold | RightUnfilled):
            raise Undecodable(f"a {type(end).__name__} on {message.topic}")
        return end

    def _close(self, lead: LeadClosed, epoch: Epoch) -> None:
        epoch.emit(CLOSED, self._codec.encode(lead), lead.lead_id)
        if not lead.test:
            self._tally["sold" if lead.sold else "unsold", lead.reason] += 1
