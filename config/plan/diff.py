"""What changes between two versions of a plan, and what must be done about it."""

from __future__ import annotations

from dataclasses import dataclass

from config.plan.changes import Change, changes
from config.plan.model import Campaign, DedupeRule, Plan
from config.plan.settings import buyer_settings
from config.plan.succession import Removal, refusals, removals, succeed


@dataclass(frozen=True, slots=True)
class PlanDiff:
    """All that changes.

    `changes` in the order of the plan. `buyers`: whose owners must get new terms, sorted; the others are not named
    by the change and are not told. `removed`: what `--retire` must name. `refused`: why the change is impossible.
    `widened`: campaigns that now find duplicates where nothing was remembered, so that claims must be built again.
    """

    changes: tuple[Change, ...]
    buyers: tuple[str, ...]
    removed: tuple[Removal, ...]
    refused: tuple[str, ...]
    widened: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.changes)


def diff(old: Plan | None, new: Plan) -> PlanDiff:
    """Compare two checked plans; `old` is None before the first version."""
    if old is None:
        old = Plan(new.currency, (), (), (), week_starts=new.week_starts)
    return PlanDiff(
        changes=tuple(changes(old, new)),
        buyers=_named(old, new),
        removed=removals(old, new),
        refused=refusals(old, new),
        widened=_widened(old, new),
    )


def _named(old: Plan, new: Plan) -> tuple[str, ...]:
    """Return the buyers whose owners would know something else, retired ones included."""
    new = succeed(old, new)
    before = {buyer.id: buyer for buyer in old.buyers}
    now = {buyer.id: buyer for buyer in new.buyers}
    named = before.keys() ^ now.keys()
    for buyer_id in before.keys() & now.keys():
        settings = buyer_settings(old, before[buyer_id], buyer_id, 0, 0)
        if settings != buyer_settings(new, now[buyer_id], buyer_id, 0, 0):
            named.add(buyer_id)
    return tuple(sorted(named))


def _widened(old: Plan, new: Plan) -> tuple[str, ...]:
    """Return the campaigns with a kind of key, or a window of one, that earlier leads were not claimed by.

    A new campaign with its own scope has no earlier leads. Source: section 5 of the design.
    """
    remembered: dict[tuple[str, ...], int] = {}
    for campaign in old.campaigns:
        for kind, within_ms in _claims(campaign):
            remembered[kind] = max(within_ms, remembered.get(kind, 0))
    known = {campaign.id for campaign in old.campaigns}
    return tuple(
        campaign.id
        for campaign in new.campaigns
        if any(
            within_ms > remembered.get(kind, 0) and (kind in remembered or campaign.id in known)
            for kind, within_ms in _claims(campaign)
        )
    )


def _claims(campaign: Campaign) -> list[tuple[tuple[str, ...], int]]:
    """Return the kinds of keys that leads of a campaign are claimed by (where, then fields), each with its window."""
    rule: DedupeRule | None = campaign.dedupe
    if rule is None:
        return []
    where = campaign.id if rule.scope == "campaign" else "*"
    groups = [tuple(sorted(rule.of))] if rule.match == "all" else [(name,) for name in rule.of]
    return [((where, *group), rule.within_ms) for group in groups]
