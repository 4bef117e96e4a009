"""A run from its scenario to its outcome: what happened, and everything that must not have."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from console.simulation.auditing import judge_by_topics
from console.simulation.evidence import Evidence, gather
from console.simulation.judging_leads import judge_leads
from console.simulation.judging_memory import judge_memory
from console.simulation.judging_sales import judge_sales
from console.simulation.scenario import Scenario
from console.simulation.tally import Tally
from console.simulation.world import World
from schemas.reasons import CAPPED, Reason
from schemas.topics import REROUTES

#: Findings that are kept of one run: the first says most.
FINDINGS_MAX: Final = 20


@dataclass
class Outcome:
    """How a run went. No `findings`: everything holds."""

    scenario: Scenario
    turns: int = 0
    #: How many faults were done to workers.
    faults: int = 0
    tally: Tally = field(default_factory=Tally)
    findings: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def run(scenario: Scenario, *, trace: bool = False) -> Outcome:
    """Run a scenario and judge it. Never raises for what a run does wrong: that is a finding."""
    return run_world(World(scenario, trace=[] if trace else None))


def run_world(world: World) -> Outcome:
    """Run a world that was made by hand and judge it; as `run`. What leadflow logs meanwhile is not written."""
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        return _run(world)
    finally:
        logging.disable(disabled)


def _run(world: World) -> Outcome:
    scenario = world.scenario
    outcome = Outcome(scenario, tally=world.tally)
    try:
        world.run()
    except Exception as error:
        outcome.findings.append(f"{type(error).__name__}: {error}")
    else:
        outcome.findings += list(_findings(world))[:FINDINGS_MAX]
    outcome.turns, outcome.faults, outcome.trace = world.turn, world.faults.done, world.trace or []
    return outcome


def _findings(world: World) -> Iterator[str]:
    evidence = gather(world.broker, world.outside.applied)
    _count(world.tally, evidence)
    world.tally.note("reroutes", len(world.broker.records(REROUTES)))
    yield from judge_leads(evidence, world.tally["garbage"])
    found, books = judge_sales(evidence)
    yield from found
    yield from judge_memory(world.broker, world.processes(), evidence, books)
    yield from judge_by_topics(world.broker)


def _count(tally: Tally, evidence: Evidence) -> None:
    """Count what came out of it."""
    tally.note("sales", len(evidence.sold))
    tally.note("unfilled", len(evidence.unfilled))
    reasons = [fact.reason for fact in evidence.rejected]
    tally.note("duplicates", reasons.count(Reason.DUPLICATE))
    tally.note("rejected", sum(reason not in (Reason.DUPLICATE, Reason.REPEAT) for reason in reasons))
    tally.note("stale", sum(end.reason == Reason.STALE for end in evidence.unfilled))
    steps = [step for end in evidence.ends for step in end.trace if not step.detail.startswith("by status")]
    tally.note("capped", sum(step.reason in CAPPED for step in steps))
    tally.note("terms_changed", sum(step.reason == Reason.TERMS_CHANGED for step in steps))
