"""What is kept of the rules that campaigns have had."""

from __future__ import annotations

from msgspec.structs import replace

from config.plan.dedupes import DedupeHistory, Ruled
from config.plan.model import DedupeRule
from tests.unit.agents.intake import DAY, ruled

A, B = DedupeRule("any", ("email",), DAY), DedupeRule("any", ("phone",), DAY)


def test_only_what_changed_is_kept() -> None:
    history = DedupeHistory()
    for version, rule in enumerate([A, A, B, None, A], 1):
        history.note(version, ruled(version, rule, A).plan)
    assert history.until(5) == {
        "solar-us": (Ruled(1, A), Ruled(3, B), Ruled(4, None), Ruled(5, A)),
        "other": (Ruled(1, A),),
    }
    assert history.until(3)["solar-us"] == (Ruled(1, A), Ruled(3, B))


def test_a_campaign_that_comes_later_is_not_known_before_and_one_that_goes_has_no_rule() -> None:
    both = ruled(1, A, B).plan
    first, second = both.campaigns
    history = DedupeHistory()
    history.note(1, replace(both, campaigns=(first,)))
    history.note(2, replace(both, campaigns=(second,)))
    assert history.until(1) == {"solar-us": (Ruled(1, A),)}
    assert history.until(2) == {"solar-us": (Ruled(1, A), Ruled(2, None)), "other": (Ruled(2, B),)}
