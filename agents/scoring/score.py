"""The score of a lead: the points of every rule that holds, their sum and the grade. Pure."""

from __future__ import annotations

from config.plan.compiled import CompiledPlan
from config.plan.model import LOWEST_GRADE
from schemas.records import Points, Score, Slip


def score(slip: Slip, plan: CompiledPlan, now_ms: int) -> Score:
    """Return the lead's score by the plan in force.

    A campaign that was retired while the lead was on its way has no rules and no buyers any more: the lead gets no
    points and the lowest grade, goes on, and ends as unsold for lack of coverage. It is not lost and not held up.
    """
    campaign = plan.campaigns.get(slip.campaign_id)
    if campaign is None:
        return Score(points=0, grade=LOWEST_GRADE, rules=(), scored_at=now_ms)
    points, grade, held = campaign.score({**slip.attributes, **slip.private})
    return Score(points, grade, tuple([Points(rule, added) for rule, added in held]), now_ms)
