"""The stage `routing`: ranks who may buy a lead and sends each of its rights on its way, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from agents.ranked_anew import plan_needed
from agents.routing.credits import Credits
from agents.routing.eligible import Market, markets_of
from agents.routing.turn import Office, Turn
from agents.status_view import StatusView
from agents.wills import execute, find_will
from config.plan.compiled import CompiledPlan
from schemas.codec import Codec
from schemas.errors import Unavailable, Undecodable
from schemas.reasons import Reason
from schemas.records import Credit, Routed
from schemas.slip import Slips
from schemas.topics import REROUTES, SCORED, UNFILLED
from streams.stage import Batch, Epoch, Message, Stage
from tables.expiry import expire
from tables.routed import HORIZON_MS, routed_at


class Routing(Stage):
    """Routes each lead once, by the plan that this worker knows.

    Args:
        codec, slips: how records are read and written.
        plan: the plan in force as this worker knows it, None before the first.
        status: the worker's view of all contracts' standing.
        horizon_ms: how long it is remembered that a lead was routed; as far as leads can be replayed.
        tally: counts each outcome (offered, repeat, rerouted, unfilled) with its reason code, for metrics.
    """

    name = "routing"
    sources = (SCORED, REROUTES)
    tables = {"routed": Routed, "rotations": Credit}  # noqa: RUF012 - read only, as in the base

    def __init__(
        self,
        codec: Codec,
        slips: Slips,
        plan: Callable[[], CompiledPlan | None],
        status: StatusView,
        *,
        horizon_ms: int = HORIZON_MS,
        tally: Counter[tuple[str, str]] | None = None,
    ) -> None:
        self._codec = codec
        self._plan = plan
        self._horizon_ms = horizon_ms
        self._office = Office(codec, slips, status, Counter() if tally is None else tally)
        self._markets: tuple[CompiledPlan, dict[str, Market]] | None = None
        self._credits: dict[int, Credits] = {}
        self._expires_at: dict[int, int] = {}
        self._behind = 0

    @property
    def waits(self) -> str | None:
        """Nothing can be routed before a plan is known."""
        return None if self._plan() is not None else "no plan was applied yet (leadflow plan apply)"

    def process(self, batch: Batch, epoch: Epoch) -> None:
        """Route each scored lead, and each right that comes back."""
        plan, markets = self._current()
        partition = batch.partition
        credits = self._credits_of(partition, epoch)
        turn = Turn(self._office, plan, markets, credits, epoch.table("routed", partition), epoch)
        slips = self._office.slips
        for message in batch.messages:
            if message.value is None:
                raise Undecodable(f"a record of {batch.topic} without a value")
            if batch.topic == REROUTES:
                turn.reroute(message.value, plan_needed(message.headers))
            else:
                turn.lead(message.known or slips.open_scored(message.value))
        credits.write(epoch.now_ms)
        self._behind = max(self._behind, turn.behind)

    def confirm(self) -> None:
        """Refuse an epoch with a lead taken in or a right declined by a later plan than this worker has read so far."""
        behind, self._behind = self._behind, 0
        if behind:
            raise Unavailable(f"plan version {behind} has not arrived here yet; routing waits for it")

    def due_at(self, partition: int) -> int | None:
        """Return when old entries of `routed` are to be forgotten next; at once after a restore."""
        return self._expires_at.get(partition, 0)

    def tick(self, partition: int, epoch: Epoch) -> None:
        """Forget, in bounded steps, leads routed longer ago than the horizon."""
        routed = epoch.table("routed", partition)
        self._expires_at[partition] = expire(routed, routed_at, self._horizon_ms, epoch.now_ms)

    def forget(self, partition: int) -> None:
        """Drop the credits at hand; they are read from the table again."""
        self._credits.pop(partition, None)
        self._expires_at.pop(partition, None)
        self._behind = 0

    def give_up(self, message: Message, error: Exception, epoch: Epoch) -> bool:
        """End a right that came back and cannot be processed as unfilled, ERROR; a lead may be dead-lettered."""
        will = find_will(message.headers)
        if message.topic != REROUTES:
            return False
        if will is None:
            raise error
        fact = execute(will, epoch.now_ms)
        epoch.emit(UNFILLED, self._codec.encode(fact), fact.lead_id, known=fact)
        if not fact.test:
            self._office.tally["unfilled", Reason.ERROR] += 1
        return True

    def _current(self) -> tuple[CompiledPlan, dict[str, Market]]:
        plan = self._plan()
        if plan is None:
            raise Unavailable("no plan was applied yet (leadflow plan apply)")
        if self._markets is None or self._markets[0] is not plan:
            self._markets = plan, markets_of(plan)
        return self._markets

    def _credits_of(self, partition: int, epoch: Epoch) -> Credits:
        credits = self._credits.get(partition)
        if credits is None:
            credits = self._credits[partition] = Credits(partition)
        credits.sit_down(epoch.table("rotations", partition))
        return credits
