"""By which keys a lead is recognised: the claims of a campaign, compiled, and the shape of all claims of a plan.

A family is one kind of key: the fields that make it and the scope in which it counts. With `match: any` each field
is a family of its own; with `match: all` all fields together are one. A lead without a value for a field has no key
of its families: empty values never match.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import NamedTuple

import msgspec

from agents.dedup.hashes import SEPARATOR, Hashes
from config.plan.compiled import CompiledPlan
from config.plan.dedupes import DedupeHistory, Ruled, Ruling
from config.plan.model import DedupeRule

_EVERYWHERE = "everywhere"
#: Stands between a campaign and a family that all its leads claim; no id has it.
OF = ">"
#: The same for a family that only its leads of earlier versions of the plan claim.
ONCE = "<"

#: How long a lead_id is known as a repeat, unless a window is longer. Later the `routed` table knows it.
REPEATS_MS = 30 * 86_400_000

#: How far a worker may lie behind the log and still find every claim: claims are kept this much longer.
LAG_MS = 86_400_000

#: What the leads of a plan claim: each campaign (0), and each campaign with each family (`solar>*/phone`, or
#: `solar<*/phone` where only its earlier leads do), with the longest window in which that family is judged now, in ms.
Shape = Mapping[str, int]

#: What the claim script takes for a lead: value, received at, lead_id, its ttl, window, ttl, then the keys.
Row = tuple[str | int, ...]


class Claimant(msgspec.Struct, frozen=True, gc=False):
    """A lead that wants to be the first of its kind, and the coordinates under which it was received."""

    lead_id: str
    partition: int
    offset: int
    received_at: int


class Family(NamedTuple):
    """One kind of key: `name` unique in a plan, `label` as people read it, `fields` in alphabetical order."""

    name: str
    label: str
    fields: tuple[str, ...]


def families(campaign_id: str, rule: DedupeRule | None) -> tuple[Family, ...]:
    """Return the families of a campaign, in the order of its fields."""
    if rule is None:
        return ()
    scope = "*" if rule.scope == _EVERYWHERE else campaign_id
    groups = [tuple(sorted(rule.of))] if rule.match == "all" else [(field,) for field in rule.of]
    return tuple(Family(f"{scope}/{'+'.join(group)}", "+".join(group), group) for group in groups)


def windows(campaigns: Iterable[tuple[str, DedupeRule | None]]) -> dict[str, int]:
    """Return the families of all campaigns of a plan, each with its longest window in ms."""
    longest: dict[str, int] = {}
    for campaign_id, rule in campaigns:
        for family in families(campaign_id, rule):
            window = rule.within_ms if rule is not None else 0
            longest[family.name] = max(window, longest.get(family.name, 0))
    return longest


def shape(past: Mapping[str, Ruling]) -> dict[str, int]:
    """Return what the leads of which campaign claim, and for how long, by the rules that campaigns have and had.

    By campaign, because a family that counts everywhere is claimed only by the leads of campaigns that look at it: one
    that begins to do so has leads in the log whose keys nobody claimed. One that has stopped to look at it, or is gone,
    has leads that claimed theirs, by which the others still find them.
    """
    now = {campaign_id: ruling[-1].rule for campaign_id, ruling in past.items()}
    longest = windows(now.items())
    claimed = dict.fromkeys(past, 0)
    for campaign_id, ruling in past.items():
        of_now = {family.name for family in families(campaign_id, now[campaign_id])}
        for family in _families_of(campaign_id, ruling):
            if family.name in longest:
                between = OF if family.name in of_now else ONCE
                claimed[f"{campaign_id}{between}{family.name}"] = longest[family.name]
    return claimed


def campaign_of(name: str) -> str:
    """Return the campaign of a name in a shape."""
    return name.partition(OF)[0].partition(ONCE)[0]


def _families_of(campaign_id: str, ruling: Iterable[Ruled]) -> tuple[Family, ...]:
    """Return the families of several rules of a campaign, each once, labelled by name: scopes may differ."""
    found = {family.name: family for ruled in ruling for family in families(campaign_id, ruled.rule)}
    return tuple(family._replace(label=name) for name, family in found.items())


class ClaimRule:
    """How leads are claimed by some families: `within_ms` judges, `ttl_ms` is how long a claim is kept.

    A claim is kept for the longest window of these families in the whole plan, since another campaign of the same
    scope may look further back.
    """

    def __init__(
        self, kinds: Iterable[Family], within_ms: int, plan: Mapping[str, int], lead_ttl_ms: int, hashes: Hashes
    ) -> None:
        kinds = tuple(kinds)
        self.within_ms = within_ms
        self.ttl_ms = max((plan[kind.name] for kind in kinds), default=0) + LAG_MS
        self.lead_ttl_ms = lead_ttl_ms
        self._kinds: list[tuple[str, tuple[str, ...], Callable[[str], str]]] = [
            (kind.label, kind.fields, hashes.labelled(kind.name)) for kind in kinds
        ]

    def keys(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return the lead's keys by the label of their family; families with an empty value are left out."""
        keys = {}
        for label, fields, digest in self._kinds:
            if len(fields) == 1:
                value = values.get(fields[0])
                if value:
                    keys[label] = digest(value)
            elif all(values.get(field) for field in fields):
                keys[label] = digest(SEPARATOR.join([values[field] for field in fields]))
        return keys

    def row(self, lead: Claimant, keys: Mapping[str, str], age_ms: int = 0) -> Row:
        """Return the row that claims a lead; `age_ms` shortens how long its claims are kept from now on."""
        lead_id, received_at = lead.lead_id, lead.received_at
        value = f"{lead.partition}:{lead.offset}:{received_at}:{lead_id}"
        if not age_ms:
            return (value, received_at, lead_id, self.lead_ttl_ms, self.within_ms, self.ttl_ms, *keys.values())
        lead_ttl_ms, ttl_ms = max(1, self.lead_ttl_ms - age_ms), max(1, self.ttl_ms - age_ms)
        return (value, received_at, lead_id, lead_ttl_ms, self.within_ms, ttl_ms, *keys.values())


class PlanClaims:
    """All that a version of the plan says of claims, compiled once: a rule a campaign, and what Redis must cover.

    `history` tells what earlier versions said: the leads that they let in are still known by what they looked at.
    """

    def __init__(self, plan: CompiledPlan, hashes: Hashes, history: DedupeHistory | None = None) -> None:
        self.plan_version = plan.version
        self.key = hashes.fingerprint
        self._hashes = hashes
        self._past = (history or DedupeHistory.of(plan.version, plan.plan)).until(plan.version)
        self.shape: Shape = shape(self._past)
        dedupes = {campaign.id: campaign.dedupe for campaign in plan.campaigns.values()}
        self._longest = windows(dedupes.items())
        #: How long the longest claim is kept.
        self.kept_ms = max([REPEATS_MS, *self._longest.values()]) + LAG_MS
        self.rules = {
            name: self._compile(families(name, rule), rule.within_ms if rule is not None else 0)
            for name, rule in dedupes.items()
        }
        self._since: dict[tuple[str, int], ClaimRule] = {}

    def rule_since(self, campaign_id: str, version: int) -> ClaimRule:
        """Return what claims a lead again that was judged by a version of the plan; it judges nothing.

        By all families that its campaign had from that version to this one: by those it would be known if no claim had
        ever been lost. Families that no campaign looks at now are left out.
        """
        ruling = self._past.get(campaign_id, ())
        first = max(0, bisect_right(ruling, version, key=attrgetter("version")) - 1)
        found = self._since.get((campaign_id, first))
        if found is None:
            kinds = [kind for kind in _families_of(campaign_id, ruling[first:]) if kind.name in self._longest]
            found = self._since[campaign_id, first] = self._compile(kinds, 0)
        return found

    def _compile(self, kinds: Iterable[Family], within_ms: int) -> ClaimRule:
        return ClaimRule(kinds, within_ms, self._longest, self.kept_ms, self._hashes)

    def outlived(self, age_ms: int) -> bool:
        """Say whether a lead of this age can no longer be claimed by anything in this plan."""
        return age_ms >= self.kept_ms
