"""Whether claims may be trusted: the table of `sentinel.py`, line by line."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from agents.dedup.keys import Shape
from agents.dedup.sentinel import Sentinel, Step, covers, fresh, judge, read, write


class Wanted(NamedTuple):
    """A worker's need."""

    plan_version: int = 5
    key: str = "k"
    shape: Shape = {"a": 0, "a>email": 10, "a>phone": 10}  # noqa: RUF012 -- never changed


SAME = fresh("g", "run", Wanted(), ready=True)


def other(**changes: object) -> Sentinel:
    """Return the sentinel with these changes."""
    values = {name: getattr(SAME, name) for name in SAME.__struct_fields__}
    return Sentinel(**(values | changes))


@pytest.mark.parametrize(
    ("found", "step"),
    [
        (None, Step.REBUILD),
        (SAME, Step.GO),
        (other(run_id="restarted"), Step.REBUILD),
        (other(key="other"), Step.REBUILD),
        (other(ready=False), Step.REBUILD),
        (other(plan_version=4), Step.GO),
        (other(plan_version=6), Step.GO),
        (other(plan_version=4, claimed={"a": 0, "a>email": 10, "a>phone": 30, "b": 0}), Step.NARROW),
        (other(plan_version=4, claimed={"a": 0, "a>email": 10}), Step.REBUILD),
        (other(plan_version=4, claimed={"a": 0, "a>email": 10, "a>phone": 9}), Step.REBUILD),
        (other(plan_version=6, claimed={"a": 0, "a>email": 10}), Step.WAIT),
        (other(plan_version=6, claimed={"a": 0, "a>email": 10, "a>phone": 10, "b": 0}), Step.WAIT),
        (other(plan_version=6, claimed={"a": 0, "a>email": 10}, ready=False), Step.WAIT),
        (other(plan_version=6, claimed={}, run_id="restarted"), Step.REBUILD),
    ],
)
def test_what_follows_from_a_sentinel(found: Sentinel | None, step: Step) -> None:
    judgement = judge(found, "run", Wanted())
    assert judgement.step is step
    assert bool(judgement.why) == (step is not Step.GO)


def test_a_sentinel_is_read_as_written_and_rubbish_is_none() -> None:
    assert read(write(SAME)) == SAME
    assert read(None) is None
    assert read(b"not json") is None
    assert read(b'{"generation": 3}') is None


def test_a_shorter_window_is_covered_and_a_new_family_is_not() -> None:
    held = {"a": 0, "a>x": 10, "a>y": 1}
    assert covers(held, {"a": 0, "a>x": 5})
    assert not covers(held, {"a": 0, "a>x": 11})
    assert not covers(held, {"a": 0, "a>z": 1})


def test_a_family_that_one_campaign_claims_is_not_that_of_another() -> None:
    """Leads of `b` are in the log, and nobody has claimed their phones."""
    held = {"a": 0, "a>*/phone": 10, "b": 0, "b>*/email": 10}
    assert not covers(held, {"a": 0, "a>*/phone": 10, "b": 0, "b>*/phone": 10})


def test_a_campaign_that_was_not_there_has_no_leads_to_be_claimed() -> None:
    assert covers({"a": 0, "a>*/phone": 10}, {"a": 0, "a>*/phone": 10, "b": 0, "b>*/phone": 10})


def test_what_all_leads_of_a_campaign_claim_its_earlier_ones_do_and_not_the_other_way_round() -> None:
    assert covers({"a": 0, "a>*/phone": 10}, {"a": 0, "a<*/phone": 10})
    assert covers({"a": 0, "a<*/phone": 10}, {"a": 0, "a<*/phone": 9})
    assert not covers({"a": 0, "a<*/phone": 10}, {"a": 0, "a>*/phone": 10})
    assert not covers({"a": 0, "a<*/phone": 10}, {"a": 0, "a<*/phone": 11})
    assert not covers({"a": 0}, {"a": 0, "a<*/phone": 1})
