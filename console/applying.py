"""Puts a plan into force: topics first, then the version and each changed buyer's terms, in one transaction.

1. The plan is compared with the newest version, and what changes is shown.
2. The topics of all its buyers are made and looked at.
3. A change is opened, which ends any other apply that is under way; the newest version is read again.
4. The new version and the terms of the buyers that it changes are committed together, or nothing is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from agents.terms import changed_terms
from config.plan.canonical import from_json, plan_hash, to_json
from config.plan.compiled import CompiledPlan, compile_plan
from config.plan.diff import PlanDiff, diff
from config.plan.model import Plan
from config.plan.succession import succeed, unnamed
from console.producing import Change, NotTaken, Outgoing, Overtaken
from console.reach import Reach
from console.reading import Unreachable
from schemas.errors import LeadflowError, NeedsPerson
from schemas.records import BuyerTerms, PlanVersion
from schemas.topics import OFFERS, PLAN, PLAN_BYTES_MAX, Sizes, TopicSpec, buyer_spec
from streams.kafka.topic_admin import Difference

#: Name of the change; the same for everyone, so that of two applies at once one is ended.
CHANGE = "plan"


class Refused(LeadflowError):
    """The plan may not follow the one in force; the message says each reason and what to do. Nothing changed."""


class Topics(Protocol):
    """What makes and checks topics: `streams.kafka.topic_admin.TopicAdmin`."""

    def create(self, specs: Collection[TopicSpec], sizes: Sizes) -> list[str]:
        """Make what is missing."""
        ...

    def differences(self, specs: Collection[TopicSpec], sizes: Sizes) -> list[Difference]:
        """Compare with the catalogue."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """From the version in force (None before the first) to a new plan. `sources`: its files by name."""

    before: PlanVersion | None
    plan: Plan
    sources: Mapping[str, str]
    diff: PlanDiff

    @property
    def version(self) -> int:
        """The number that the new version gets."""
        return self.before.version + 1 if self.before else 1

    @property
    def is_same(self) -> bool:
        """Whether the new plan says just what the one in force says."""
        return self.before is not None and self.before.hash == plan_hash(self.plan)


def step_to(plan: Plan, sources: Mapping[str, str], before: PlanVersion | None) -> Step:
    """Compare a checked plan with the version in force."""
    return Step(before, plan, sources, diff(from_json(before.plan_json) if before else None, plan))


def check(step: Step, retire: Collection[str]) -> None:
    """Raise Refused when the step may not be taken: with every reason at once."""
    reasons = list(step.diff.refused)
    reasons += [
        f"{removal} is in version {step.before.version if step.before else 0} and not in this plan; its id can never "
        f"be used again: say --retire {removal.id}, or put it back"
        for removal in unnamed(step.diff.removed, retire)
    ]
    known = {removal.id for removal in step.diff.removed}
    reasons += [
        f"--retire {name}: this plan does not remove it" for name in sorted(retire) if name.split("/")[-1] not in known
    ]
    if reasons:
        raise Refused("the plan cannot be applied; nothing changed\n" + "\n".join(f"  {reason}" for reason in reasons))


def prepare_topics(plan: Plan, topics: Topics, sizes: Sizes) -> list[str]:
    """Make the topic of each buyer of the plan and look at it; return the names of new ones.

    Raises:
        NeedsPerson: a topic is there and differs from what it must be.
    """
    specs = [buyer_spec(buyer.id) for buyer in plan.buyers]
    created = topics.create(specs, sizes)
    if wrong := topics.differences(specs, sizes):
        raise NeedsPerson("buyers' topics are not as they must be:\n" + "\n".join(f"  {each}" for each in wrong))
    return created


def apply(way: Reach, step: Step) -> tuple[CompiledPlan, tuple[BuyerTerms, ...]]:
    """Publish the step; return the new version and the terms that were sent to buyers' inboxes.

    Raises:
        Overtaken: somebody applied a plan after the step was made; nothing of this one was taken.
        NotTaken: Kafka refused it; nothing was taken.
        Unsettled: the connection was lost while committing; `leadflow plan show` tells.
    """
    missing = {PLAN, OFFERS} - way.reader.topics().keys()
    if missing:
        raise Unreachable(f"topics {', '.join(sorted(missing))} are missing; `leadflow topics create` makes them")
    change = Change(way.address, CHANGE)
    now = way.newest_plan()
    if (now.version if now else 0) != step.version - 1:
        found = now.version if now else 0
        raise Overtaken(f"version {found} was applied meanwhile; look at `leadflow plan diff` again, nothing changed")
    old = from_json(step.before.plan_json) if step.before else None
    plan = compile_plan(succeed(old, step.plan), step.version)
    at = way.clock.now_ms()
    before = compile_plan(old, step.version - 1) if old else None
    terms = changed_terms(before, plan, at)
    record = PlanVersion(step.version, plan.hash, to_json(plan.plan), dict(step.sources), at)
    value = way.codec.encode(record)
    if len(value) > PLAN_BYTES_MAX:
        raise NotTaken(f"the plan with its files has {len(value):,} bytes, the most is {PLAN_BYTES_MAX:,}")
    change.commit(
        [Outgoing(PLAN, "plan", value), *(Outgoing(OFFERS, each.buyer_id, way.codec.encode(each)) for each in terms)]
    )
    return plan, terms
