"""Scoring: points by named rules, a grade, and the lead's body untouched."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from agents.scoring.score import Scores
from agents.scoring.stage import ScoringStage
from agents.views import PlanView
from schemas.errors import EpochLost, Unavailable, Undecodable
from schemas.records import Lead, LeadScored, Points, Score, Slip
from streams.stage import Batch, Message
from tests.unit.agents.intake import CODEC, NOW, SLIPS, Emitted, plan, plan_message

SLIP = Slip(
    "lead-1", "solar-us", "acme-forms", "form-1", False, NOW, NOW, 0, 1, NOW, NOW, 1, "", "",
    {"state": "CA", "owns_home": "true"}, {"monthly_bill": "220"}, (),
)  # fmt: skip
MARIA = Lead(first_name="Maria", email="maria@example.com")


def slip(**changes: object) -> Slip:
    """Return the slip with these changes."""
    return msgspec.structs.replace(SLIP, **changes)


def unique(offset: int = 0, value: bytes | None = None, **changes: object) -> Message:
    """Return a unique lead as it is read."""
    sealed = value or SLIPS.seal_unique(SLIPS.unique(slip(**changes), SLIPS.body_of(MARIA)))
    return Message("leads.unique", 5, offset, NOW, b"lead-1", sealed)


@pytest.mark.parametrize(
    ("attributes", "private", "grade", "rules"),
    [
        (SLIP.attributes, SLIP.private, "A", (("owner", 40), ("big_bill", 30), ("sunbelt", 20))),
        ({"state": "OH", "owns_home": "true"}, {"monthly_bill": "90"}, "C", (("owner", 40),)),
        ({"state": "OH", "owns_home": "true"}, {"monthly_bill": "150"}, "B", (("owner", 40), ("big_bill", 30))),
        ({"state": "TX", "owns_home": "false"}, {}, "D", (("sunbelt", 20),)),
        ({}, {}, "D", ()),
    ],
)  # fmt: skip
def test_points_by_rule_give_a_grade(
    attributes: dict[str, str], private: dict[str, str], grade: str, rules: tuple[tuple[str, int], ...]
) -> None:
    scores = Scores(plan(), NOW)
    found = scores.of(SLIP, attributes | private)
    assert scores.of(SLIP, attributes | private) is found
    assert found.grade == grade
    assert found.rules == tuple(Points(rule, points) for rule, points in rules)
    assert found.points == sum(points for _, points in rules)
    assert found.scored_at == NOW


def test_a_campaign_that_was_retired_on_the_way_scores_nothing_and_loses_nothing() -> None:
    assert Scores(plan(), NOW).of(slip(campaign_id="gone"), {}) == Score(0, "D", (), NOW)


def staged(version: int = 1) -> ScoringStage:
    """Return a stage with a plan in force."""
    plans = PlanView(CODEC)
    plans.apply(plan_message(plan(version)))
    return ScoringStage(SLIPS, plans)


def take(stage: ScoringStage, *messages: Message) -> Emitted:
    """Run an epoch."""
    batch, epoch = Batch("leads.unique", 5, messages), Emitted(NOW + 9)
    stage.prepare([batch])
    stage.process(batch, epoch)
    return epoch


def test_the_lead_goes_on_in_the_same_partition_under_the_same_key() -> None:
    epoch = take(staged(), unique(0), unique(1, lead_id="lead-2"))
    assert [(topic, key, partition) for topic, _, key, partition in epoch.records] == [
        ("leads.scored", "lead-1", 5),
        ("leads.scored", "lead-2", 5),
    ]
    first = epoch.of("leads.scored")[0]
    assert isinstance(first, LeadScored)
    assert (first.slip, first.lead) == (SLIP, MARIA)
    assert (first.score.grade, first.score.points, first.score.scored_at) == ("A", 90, NOW + 9)


def test_a_later_plan_reads_the_lead_itself_and_the_plan_of_intake_its_slip() -> None:
    lead = Lead(state="TX", fields={"owns_home": "true", "monthly_bill": "220"})
    of_intake = slip(attributes={"state": "TX"}, private={})
    value = SLIPS.seal_unique(SLIPS.unique(of_intake, SLIPS.body_of(lead)))
    points = []
    for version in (1, 2):
        (scored,) = take(staged(version), unique(0, value)).of("leads.scored")
        assert isinstance(scored, LeadScored)
        assert (scored.slip, scored.lead) == (of_intake, lead)
        points.append(scored.score.points)
    assert points == [20, 90]


def test_a_test_lead_is_scored_and_not_counted() -> None:
    tally: Counter[tuple[str, str]] = Counter()
    plans = PlanView(CODEC)
    plans.apply(plan_message(plan()))
    epoch = take(ScoringStage(SLIPS, plans, tally), unique(0), unique(1, test=True))
    assert (len(epoch.records), tally) == (2, {("scored", ""): 1})


def test_a_poison_record_fails_alone_and_only_in_process() -> None:
    stage = staged()
    with pytest.raises(Undecodable):
        take(stage, unique(0), unique(1, b"rubbish"))
    assert len(take(stage, unique(0)).records) == 1


def test_a_lead_of_a_plan_that_is_not_here_yet_waits_for_it() -> None:
    with pytest.raises(Unavailable, match="plan version 3 is not seen here yet"):
        take(staged(version=2), unique(0), unique(1, plan_version=3))
    assert len(take(staged(version=3), unique(0), unique(1, plan_version=3)).records) == 2


def test_without_a_plan_the_stage_waits() -> None:
    stage = ScoringStage(SLIPS, PlanView(CODEC))
    assert stage.waits == "no plan applied yet"
    with pytest.raises(Unavailable):
        take(stage, unique())


def test_a_batch_that_was_not_prepared_is_given_back() -> None:
    stage = staged()
    take(stage, unique(0))
    stage.forget(5)
    with pytest.raises(EpochLost):
        stage.process(Batch("leads.unique", 5, [unique(0)]), Emitted())
