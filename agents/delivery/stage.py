"""The stage `delivery`: the owner of each buyer at work on its inbox, `internal.offers`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from agents.delivery.desk import CapFill, Desk
from agents.delivery.turn import Office, Turn
from agents.status_view import StatusView
from agents.wills import execute, find_will
from schemas.codec import Codec
from schemas.errors import Undecodable
from schemas.reasons import Reason
from schemas.records import BuyerCommand, BuyerState, BuyerTerms, Counters, Entry, Offer
from schemas.slip import Slips
from schemas.topics import OFFERS, UNFILLED
from streams.stage import Batch, Epoch, Message, Stage
from tables.entries import HORIZON_MS


class Delivery(Stage):
    """Sells or forwards each right, keeps the caps, remembers who got what, and announces who can buy.

    Args:
        codec, slips: how records are read and written.
        status: the worker's view of all contracts' standing.
        topic_known: whether produce to a topic can work; answers without waiting.
        horizon_ms: how long entries are remembered; at least three times the longest `sell_within`.
        tally: counts each outcome (sold, forwarded, rerouted, unfilled) with its reason code, for metrics; test
            leads count nowhere.
    """

    name = "delivery"
    sources = (OFFERS,)
    tables = {"buyers": BuyerState, "caps": Counters, "entries": Entry}  # noqa: RUF012 - read only, as in the base

    def __init__(
        self,
        codec: Codec,
        slips: Slips,
        status: StatusView,
        topic_known: Callable[[str], bool],
        *,
        horizon_ms: int = HORIZON_MS,
        tally: Counter[tuple[str, str]] | None = None,
    ) -> None:
        self._codec = codec
        self._office = Office(codec, slips, status, topic_known, horizon_ms, Counter() if tally is None else tally)
        self._desks: dict[int, Desk] = {}
        self._due_at: dict[int, int] = {}

    def process(self, batch: Batch, epoch: Epoch) -> None:
        """Take each inbox record in its order."""
        turn, desk = self._turn(batch.partition, epoch)
        for message in batch.messages:
            self._take(message, turn)
        turn.close()
        self._due_at[batch.partition] = desk.due_at()

    def restored(self, partition: int, epoch: Epoch) -> None:
        """Announce the standing of every contract: a status may have been lost with the last owner."""
        self.forget(partition)
        _, desk = self._turn(partition, epoch)
        self._due_at[partition] = desk.due_at()

    def due_at(self, partition: int) -> int | None:
        """Return the partition's next timer; at once while nothing is in memory of it."""
        return self._due_at.get(partition, 0)

    def tick(self, partition: int, epoch: Epoch) -> None:
        """Run window ends, opening hours, ends of pauses, delayed openings, missing topics and expiry."""
        turn, desk = self._turn(partition, epoch)
        turn.tick()
        turn.close()
        self._due_at[partition] = desk.due_at()

    def cap_fill(self, now_ms: int) -> Iterator[CapFill]:
        """Yield how full the caps of all buyers of this worker are; for metrics, from any thread."""
        for desk in list(self._desks.values()):
            yield from desk.cap_fill(now_ms)

    def forget(self, partition: int) -> None:
        """Drop the desk; it is made anew from the tables."""
        self._desks.pop(partition, None)
        self._due_at.pop(partition, None)

    def give_up(self, message: Message, error: Exception, epoch: Epoch) -> bool:
        """End an Offer that cannot be processed as unfilled, ERROR. Raises the error for any other record."""
        will = find_will(message.headers)
        if will is None:
            raise error
        fact = execute(will, epoch.now_ms)
        epoch.emit(UNFILLED, self._codec.encode(fact), fact.lead_id, known=fact)
        if not fact.test:
            self._office.tally["unfilled", Reason.ERROR] += 1
        return True

    def _take(self, message: Message, turn: Turn) -> None:
        if message.known is not None:
            turn.offer(message.known, message)
            return
        if message.value is None:
            raise Undecodable("an inbox record without a value")
        kind = self._codec.record_type(message.value)
        if kind is Offer:
            turn.offer(self._office.slips.open_offer(message.value), message)
        elif kind is BuyerTerms:
            turn.terms(self._codec.decode_as(message.value, BuyerTerms))
        elif kind is BuyerCommand:
            turn.command(self._codec.decode_as(message.value, BuyerCommand))
        else:
            raise Undecodable(f"not a record for a buyer's inbox: {kind.__name__}")

    def _turn(self, partition: int, epoch: Epoch) -> tuple[Turn, Desk]:
        """Return a turn at the partition's desk; a new desk first announces the standing of everyone."""
        desk = self._desks.get(partition)
        is_new = desk is None
        if desk is None:
            desk = self._desks[partition] = Desk()
        desk.sit_down(epoch.table("buyers", partition), epoch.table("caps", partition))
        turn = Turn(self._office, desk, partition, epoch)
        if is_new:
            turn.open()
        return turn, desk
