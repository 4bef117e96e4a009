"""By which keys a lead is recognised."""

from __future__ import annotations

import pytest

from agents.dedup.hashes import Hashes
from agents.dedup.keys import LAG_MS, REPEATS_MS, Claimant, PlanClaims, shape, windows
from config.plan.dedupes import DedupeHistory, Ruled
from config.plan.model import DedupeRule
from tests.unit.agents.intake import DAY, NOW, plan, ruled

HASHES = Hashes(b"a key that is long enough")
VALUES = {"email": "maria@example.com", "phone": "+14155550143", "first_name": "Maria"}


def test_any_gives_a_key_a_field_and_all_gives_one_for_all() -> None:
    assert list(PlanClaims(plan(match="any"), HASHES).rules["solar-us"].keys(VALUES)) == ["email", "phone"]
    assert list(PlanClaims(plan(match="all"), HASHES).rules["solar-us"].keys(VALUES)) == ["email+phone"]


def test_empty_values_never_match() -> None:
    without = {"email": "maria@example.com"}
    assert list(PlanClaims(plan(match="any"), HASHES).rules["solar-us"].keys(without)) == ["email"]
    assert PlanClaims(plan(match="all"), HASHES).rules["solar-us"].keys(without) == {}
    assert PlanClaims(plan(match="any"), HASHES).rules["solar-us"].keys({}) == {}


def test_no_key_shows_a_person_and_another_secret_gives_other_keys() -> None:
    ours = PlanClaims(plan(), HASHES).rules["solar-us"].keys(VALUES)
    others = PlanClaims(plan(), Hashes(b"another key, long enough")).rules["solar-us"].keys(VALUES)
    assert all(len(key) == 32 and int(key, 16) >= 0 for key in ours.values())
    assert not set(ours.values()) & set(others.values())
    assert Hashes(b"another key, long enough").fingerprint != HASHES.fingerprint


def test_fields_and_campaigns_do_not_share_keys() -> None:
    same = {"email": "x", "phone": "x"}
    keys = PlanClaims(plan(), HASHES).rules["solar-us"].keys(same)
    assert keys["email"] != keys["phone"]


def test_the_parts_of_a_joint_key_do_not_run_into_each_other() -> None:
    rules = PlanClaims(plan(match="all", of="first_name, last_name"), HASHES)
    first = rules.rules["solar-us"].keys({"first_name": "Ann", "last_name": "Alee"})
    second = rules.rules["solar-us"].keys({"first_name": "AnnA", "last_name": "lee"})
    assert first["first_name+last_name"] != second["first_name+last_name"]


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="LEADFLOW_HASH_KEY"):
        Hashes(b"short")


def test_a_long_secret_counts_whole() -> None:
    assert Hashes(b"x" * 100 + b"a").fingerprint != Hashes(b"x" * 100 + b"b").fingerprint


def everywhere(*of: str, within: int = 5 * DAY) -> DedupeRule:
    """Return a rule that shares what it saw."""
    return DedupeRule("any", of, within, "everywhere")


def test_campaigns_everywhere_share_families_and_the_longest_window() -> None:
    campaigns = {
        "a": everywhere("email", "phone"),
        "b": everywhere("email", within=9 * DAY),
        "c": DedupeRule("all", ("phone", "email"), DAY),
        "d": None,
        "e": everywhere("email", within=2 * DAY),
    }
    assert windows(campaigns.items()) == {"*/email": 9 * DAY, "*/phone": 5 * DAY, "c/email+phone": DAY}
    assert shape({name: (Ruled(1, rule),) for name, rule in campaigns.items()}) == {
        **dict.fromkeys("abcde", 0),
        "a>*/email": 9 * DAY,
        "a>*/phone": 5 * DAY,
        "b>*/email": 9 * DAY,
        "c>c/email+phone": DAY,
        "e>*/email": 9 * DAY,
    }


def test_what_earlier_leads_claim_is_asked_for_as_long_as_any_campaign_looks_at_it() -> None:
    past = {
        "a": (Ruled(1, everywhere("email", "phone")), Ruled(3, DedupeRule("any", ("email",), DAY))),
        "b": (Ruled(1, everywhere("phone", within=9 * DAY)),),
        "gone": (Ruled(1, everywhere("phone")), Ruled(2, None)),
    }
    assert shape(past) == {
        **dict.fromkeys(["a", "b", "gone"], 0),
        "a>a/email": DAY,
        "a<*/phone": 9 * DAY,
        "b>*/phone": 9 * DAY,
        "gone<*/phone": 9 * DAY,
    }


@pytest.mark.parametrize(("version", "keys"), [(1, 2), (2, 2), (3, 2), (4, 1), (5, 1), (9, 1)])
def test_a_lead_is_claimed_again_by_all_that_was_looked_at_since_it_was_judged(version: int, keys: int) -> None:
    """Campaign `solar-us` looked at e-mails until version 3, and at phones from then on; another one at both."""
    other = everywhere("email", "phone", within=9 * DAY)
    history = DedupeHistory()
    for number in range(1, 6):
        history.note(number, ruled(number, everywhere("email" if number < 4 else "phone"), other).plan)
    claims = PlanClaims(ruled(5, everywhere("phone"), other), HASHES, history)
    rule = claims.rule_since("solar-us", version)
    assert len(rule.keys(VALUES)) == keys
    assert set(rule.keys(VALUES).values()) <= set(claims.rules["other"].keys(VALUES).values())
    assert rule.ttl_ms == 9 * DAY + LAG_MS


def test_a_key_of_one_field_in_two_scopes_is_two_keys() -> None:
    history = DedupeHistory()
    history.note(1, ruled(1, everywhere("phone"), everywhere("phone")).plan)
    now = ruled(2, DedupeRule("any", ("phone",), DAY), everywhere("phone"))
    history.note(2, now.plan)
    assert len(PlanClaims(now, HASHES, history).rule_since("solar-us", 1).keys(VALUES)) == 2


def test_a_row_keeps_claims_for_the_window_and_lead_ids_for_longer() -> None:
    rules = PlanClaims(plan(within="7d"), HASHES)
    who = Claimant("lead", 3, 42, NOW)
    keys = {"email": "k"}
    assert rules.rules["solar-us"].row(who, keys) == (
        f"3:42:{NOW}:lead", NOW, "lead", REPEATS_MS + LAG_MS, 7 * DAY, 7 * DAY + LAG_MS, "k",
    )  # fmt: skip
    assert rules.rules["solar-us"].row(who, keys, age_ms=2 * DAY)[3:6] == (REPEATS_MS - DAY, 7 * DAY, 6 * DAY)
    assert rules.rules["solar-us"].row(who, keys, age_ms=20 * DAY)[5] == 1
    assert rules.outlived(REPEATS_MS + LAG_MS)
    assert not rules.outlived(REPEATS_MS)


def test_a_campaign_the_plan_does_not_know_claims_only_lead_ids() -> None:
    rules = PlanClaims(plan(), HASHES)
    assert rules.rule_since("gone", 1).keys(VALUES) == {}
    assert rules.rule_since("gone", 1).row(Claimant("lead", 0, 1, NOW), {})[4] == 0
