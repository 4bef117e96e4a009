"""Applying plans: topics, versions, inboxes, refusals, two at once; pauses by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from config.plan.check import load_plan
from config.plan.reading import read_files
from console.applying import Refused, apply, check, step_to
from console.producing import Overtaken
from console.reach import Reach
from schemas.records import BuyerCommand, BuyerTerms, Pause, Record
from tests.integration.console.conftest import run, words

Edit = Callable[[str, str], None]


@pytest.fixture
def edit(demo_plan: Path) -> Edit:
    def change(old: str, new: str) -> None:
        text = demo_plan.read_text(encoding="utf-8")
        assert old in text
        demo_plan.write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def inbox(way: Reach) -> list[Record]:
    return [way.codec.decode(message.value) for message in way.reader.scan("internal.offers") if message.value]


def terms_told(way: Reach) -> list[tuple[int, str]]:
    return sorted((each.plan_version, each.buyer_id) for each in inbox(way) if isinstance(each, BuyerTerms))


def test_a_first_plan_makes_topics_and_tells_every_buyer(way: Reach, demo_plan: Path) -> None:
    done = run("plan", "apply", str(demo_plan), "--yes")
    assert done.exit_code == 0, done.output
    assert "version 1 is in force; new terms for 10 buyers" in done.output
    assert "10 topics made" in words(done)
    assert "leads.received has no records yet" in run("tail", "leads.received").output
    assert {name for name in way.reader.topics() if name.startswith("buyers.")} >= {"buyers.sunco.leads"}
    assert len(terms_told(way)) == 10
    assert way.plan().version == 1


def test_only_buyers_that_a_change_names_are_told(way: Reach, demo_plan: Path, edit: Edit) -> None:
    run("plan", "apply", str(demo_plan), "--yes")
    edit("caps: {leads: {day: 40}}", "caps: {leads: {day: 41}}")
    shown = run("plan", "diff", str(demo_plan))
    assert "contract sunco-solar" in shown.output
    done = run("plan", "apply", str(demo_plan), "--yes")
    assert "version 2 is in force; new terms for 1 buyer: sunco" in done.output
    assert [told for told in terms_told(way) if told[0] == 2] == [(2, "sunco")]


def test_the_same_plan_again_changes_nothing(way: Reach, demo_plan: Path) -> None:
    run("plan", "apply", str(demo_plan), "--yes")
    done = run("plan", "apply", str(demo_plan), "--yes")
    assert (done.exit_code, done.output.strip()) == (0, "nothing changes: version 1 says the same")
    assert len(way.plan_versions()) == 1


def test_a_wrong_plan_is_refused_with_every_problem(way: Reach, demo_plan: Path, edit: Edit) -> None:
    edit("sell_within: 1h", "sell_within: soon")
    edit("America/Phoenix", "MST")
    for sub in ("check", "apply"):
        done = run("plan", sub, str(demo_plan))
        assert done.exit_code == 1
        assert "the plan has 2 problems" in done.output
        assert "plan.yaml:21" in done.output
    assert way.newest_plan() is None
    assert not [name for name in way.reader.topics() if name.startswith("buyers.")]


def test_a_removal_must_be_named_and_its_id_is_gone_for_good(way: Reach, demo_plan: Path, edit: Edit) -> None:
    run("plan", "apply", str(demo_plan), "--yes")
    text = demo_plan.read_text(encoding="utf-8")
    start, end = text.index("  cascadia:"), text.index("  weekenders:")
    cascadia = text[start:end]
    edit(cascadia, "")
    refused = run("plan", "apply", str(demo_plan), "--yes")
    assert refused.exit_code == 1
    assert "--retire cascadia" in str(refused.exception)
    assert way.plan().version == 1
    wrong = run("plan", "apply", str(demo_plan), "--yes", "--retire", "cascadia", "--retire", "sunco")
    assert "--retire sunco: this plan does not remove it" in str(wrong.exception)
    assert run("plan", "apply", str(demo_plan), "--yes", "--retire", "cascadia").exit_code == 0
    gone = [each for each in inbox(way) if isinstance(each, BuyerTerms) and each.plan_version == 2]
    assert [(each.buyer_id, each.retired) for each in gone] == [("cascadia", True)]
    edit("  weekenders:", cascadia + "  weekenders:")
    again = run("plan", "apply", str(demo_plan), "--yes")
    assert "used before" in str(again.exception)
    assert way.plan().version == 2


def test_of_two_applies_at_once_one_is_refused(way: Reach, demo_plan: Path, edit: Edit) -> None:
    sources = read_files(demo_plan)
    first = step_to(load_plan(demo_plan), sources, None)
    edit("currency: USD", "currency: USD  # again")
    assert run("plan", "apply", str(demo_plan), "--yes").exit_code == 0
    with pytest.raises(Overtaken, match="version 1 was applied meanwhile"):
        apply(way, first)
    assert [record.version for record in way.plan_versions()] == [1]


def test_a_plan_is_shown_as_it_was_written(way: Reach, demo_plan: Path, edit: Edit) -> None:
    written = demo_plan.read_text(encoding="utf-8")
    run("plan", "apply", str(demo_plan), "--yes")
    edit("weight: 3", "weight: 4")
    run("plan", "apply", str(demo_plan), "--yes")
    assert written.strip() in run("plan", "show", "--version", "1").output
    assert "weight: 4" in run("plan", "show").output
    assert '"currency": "USD"' in run("plan", "show", "--json").output
    assert "there is no version 7" in run("plan", "show", "--version", "7").output


def test_nobody_there_to_answer_means_no(way: Reach, demo_plan: Path) -> None:
    done = run("plan", "apply", str(demo_plan))
    assert done.exit_code == 1
    assert "--yes" in done.output
    assert way.newest_plan() is None


def test_a_removal_that_is_not_named_is_refused_by_the_rule_itself(demo_plan: Path) -> None:
    plan = load_plan(demo_plan)
    check(step_to(plan, {}, None), [])
    with pytest.raises(Refused):
        check(step_to(plan, {}, None), ["nobody"])


def test_pauses_reach_inboxes_and_the_pause_topic(way: Reach, demo_plan: Path) -> None:
    run("plan", "apply", str(demo_plan), "--yes")
    assert run("pause", "buyer", "sunco", "--until", "2h").exit_code == 0
    assert run("pause", "contract", "lakes-solar").exit_code == 0
    assert run("resume", "contract", "lakes-solar").exit_code == 0
    assert run("pause", "campaign", "solar-us").exit_code == 0
    commands = [each for each in inbox(way) if isinstance(each, BuyerCommand)]
    assert sorted((each.buyer_id, each.contract_id, each.action) for each in commands) == [
        ("lakes", "lakes-solar", "pause"),
        ("lakes", "lakes-solar", "resume"),
        ("sunco", "", "pause"),
    ]
    (until,) = [each.until - each.at for each in commands if each.buyer_id == "sunco"]
    assert abs(until - 7_200_000) < 5_000
    (pause,) = [way.codec.decode(message.value) for message in way.reader.scan("internal.pauses") if message.value]
    assert isinstance(pause, Pause)
    assert (pause.kind, pause.id, pause.paused, pause.until) == ("campaign", "solar-us", True, -1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("buyer", "sunc"), "did you mean sunco"),
        (("supplier", "zzz"), "there are: acme-forms, clickriver"),
        (("buyer", "sunco", "--until", "2020-01-01T00:00:00Z"), "that time is over"),
        (("buyer", "sunco", "--until", "2030-01-01T00:00:00"), "no time zone"),
        (("buyer", "sunco", "--until", "soon"), "no time such as"),
    ],
)
def test_a_pause_of_nobody_or_of_no_time_is_refused(
    way: Reach, demo_plan: Path, arguments: tuple[str, ...], message: str
) -> None:
    run("plan", "apply", str(demo_plan), "--yes")
    done = run("pause", *arguments)
    assert done.exit_code == 2
    assert message in done.output
