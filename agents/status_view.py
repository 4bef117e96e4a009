"""What a worker knows of the contracts' standing, from `internal.buyer-status`; a hint, never a promise.

Any state of this view is safe: the owner decides. A stale view costs a visit to a closed buyer, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from schemas.codec import Codec
from schemas.errors import LeadflowError
from schemas.records import BuyerStatus, Step
from streams.stage import Message

#: Asks a view: the status that closes a contract at this time (UTC ms), or None.
Closing = Callable[[str, int], BuyerStatus | None]


class StatusView:
    """The contracts that are closed, by their owners' last word; unknown contracts count as open."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._closed: dict[str, BuyerStatus] = {}
        #: Grows with every record taken: as long as it is the same, nothing has changed but the time.
        self.changes = 0
        self.problem = ""

    def apply(self, message: Message) -> None:
        """Take one record of the status topic, in its order. A tombstone forgets the contract.

        Never fails: a record that cannot be read leaves what was known, and `problem` says so until the next good one.
        """
        self.changes += 1
        if message.value is None:
            self._closed.pop((message.key or b"").decode(errors="replace"), None)
            return
        try:
            status = self._codec.decode_as(message.value, BuyerStatus)
        except LeadflowError as error:
            self.problem = f"{message!r} cannot be read: {error}"
            return
        self.problem = ""
        if status.open:
            self._closed.pop(status.contract_id, None)
        else:
            self._closed[status.contract_id] = status

    def maybe_closed(self, contract_ids: Sequence[str]) -> list[str]:
        """Return those of these contracts, in their order, that a status closes at some time: ask `closing` of them."""
        closed = self._closed
        return [contract_id for contract_id in contract_ids if contract_id in closed] if closed else []

    def closing(self, contract_id: str, now_ms: int) -> BuyerStatus | None:
        """Return the status that closes this contract now, or None.

        Once `closed_until` has come the contract counts as open: else a buyer that gets no Offer could not return.
        """
        status = self._closed.get(contract_id)
        if status is None or 0 <= status.closed_until <= now_ms:
            return None
        return status


def skip_step(status: BuyerStatus, now_ms: int) -> Step:
    """Return the line of a trace for a contract that is not asked because of its status, naming the status."""
    until = f", until {status.closed_until}" if status.closed_until >= 0 else ""
    return Step(status.buyer_id, status.contract_id, now_ms, status.reason, f"by status of {status.at}{until}")
