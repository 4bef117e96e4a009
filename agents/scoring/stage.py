"""The stage `scoring`: from leads.unique to leads.scored, same key, same partition. The lead's body is seldom read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from agents.asked import asked_of
from agents.scoring.score import Scores
from agents.views import PlanView
from config.plan.compiled import CompiledPlan
from schemas.errors import EpochLost, Unavailable
from schemas.slip import Slips, Unique
from schemas.topics import SCORED, UNIQUE
from streams.stage import Batch, Epoch, Message, Stage


class ScoringStage(Stage):
    """Scoring. Waits while no plan is in force, and for a plan that intake has seen and this worker has not."""

    name = "scoring"
    sources = (UNIQUE,)

    def __init__(self, slips: Slips, plans: PlanView, tally: Counter[tuple[str, str]] | None = None) -> None:
        """Put the parts together; `tally` counts each lead that is no test (scored, ""), for metrics."""
        self._slips = slips
        self._plans = plans
        self._tally = Counter() if tally is None else tally
        self._scores: Scores | None = None
        #: What the last `prepare` opened, by partition and offset: one batch a partition, replaced by the next.
        self._opened: dict[int, dict[int, Unique | Exception]] = {}

    @property
    def waits(self) -> str | None:
        """See `Stage.waits`."""
        return None if self._plans.current() is not None else self._plans.problem or "no plan applied yet"

    def prepare(self, batches: Sequence[Batch]) -> None:
        """Read the slips. Raises Unavailable when one was written under a plan version that is not here yet."""
        version = self._plan().version
        for batch in batches:
            opened = {message.offset: self._open(message) for message in batch.messages}
            for one in opened.values():
                if isinstance(one, tuple) and one[0].plan_version > version:
                    needed = one[0].plan_version
                    raise Unavailable(f"plan version {needed} is not seen here yet, version {version} is in force")
            self._opened[batch.partition] = opened

    def process(self, batch: Batch, epoch: Epoch) -> None:
        """Score and pass on. Raises the error of a record that could not be read."""
        scores, opened = self._scores_at(epoch.now_ms), self._opened.get(batch.partition, {})
        slips = self._slips
        for message in batch.messages:
            one = opened.get(message.offset)
            if one is None:
                raise EpochLost(f"{message!r} was not prepared")
            if isinstance(one, Exception):
                raise one
            slip, _, body = one
            values = asked_of(slip, body, slips.lead_of, scores.plan.version)
            scored = slips.scored(one, scores.of(slip, values))
            epoch.emit(SCORED, slips.seal_scored(scored), slip.lead_id, partition=batch.partition, known=scored)
            if not slip.test:
                self._tally["scored", ""] += 1

    def forget(self, partition: int) -> None:
        """See `Stage.forget`."""
        self._opened.pop(partition, None)

    def _scores_at(self, now_ms: int) -> Scores:
        """Return the scores by the plan in force: the same for all batches of an epoch."""
        plan, scores = self._plan(), self._scores
        if scores is None or scores.plan is not plan or scores.now_ms != now_ms:
            scores = self._scores = Scores(plan, now_ms)
        return scores

    def _plan(self) -> CompiledPlan:
        plan = self._plans.current()
        if plan is None:
            raise Unavailable("no plan applied yet")
        return plan

    def _open(self, message: Message) -> Unique | Exception:
        if message.known is not None:
            known: Unique = message.known
            return known
        try:
            return self._slips.open_unique(message.value or b"")
        except Unavailable:
            raise
        except Exception as error:
            return error
