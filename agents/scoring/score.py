"""The score of a lead: the points of every rule that holds, their sum and the grade. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from config.plan.compiled import CompiledPlan, Scored
from config.plan.model import LOWEST_GRADE
from schemas.records import Points, Score, Slip


class Scores:
    """The scores by one plan at one time; leads for which the same rules hold share one.

    A campaign that was retired while the lead was on its way has no rules and no buyers any more: the lead gets no
    points and the lowest grade, goes on, and ends as unsold for lack of coverage. It is not lost and not held up.
    """

    def __init__(self, plan: CompiledPlan, now_ms: int) -> None:
        self.plan = plan
        self.now_ms = now_ms
        self._retired = Score(points=0, grade=LOWEST_GRADE, rules=(), scored_at=now_ms)
        #: By the identity of the plan's answer, which is kept here so that no other takes its identity.
        self._known: dict[int, tuple[Scored, Score]] = {}

    def of(self, slip: Slip, values: Mapping[str, str]) -> Score:
        """Return the score of a lead of these values, which conditions may ask."""
        campaign = self.plan.campaigns.get(slip.campaign_id)
        if campaign is None:
            return self._retired
        scored = campaign.score(values)
        known = self._known.get(id(scored))
        if known is None:
            known = self._known[id(scored)] = scored, self._score(*scored)
        return known[1]

    def _score(self, points: int, grade: str, held: tuple[tuple[str, int], ...]) -> Score:
        return Score(points, grade, tuple([Points(rule, added) for rule, added in held]), self.now_ms)
