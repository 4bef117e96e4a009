"""By which rule the leads of each campaign were deduplicated, from the first version of the plan on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from config.plan.model import DedupeRule, Plan


class Ruled(NamedTuple):
    """From this version on a campaign has this rule; None: no rule, or no such campaign any more."""

    version: int
    rule: DedupeRule | None


#: The rules that a campaign has had, oldest first, each other than the one before it.
Ruling = tuple[Ruled, ...]


class DedupeHistory:
    """What versions of the plan have said of duplicates; a few words a campaign, however many versions there were."""

    def __init__(self) -> None:
        self._ruled: dict[str, Ruling] = {}

    @classmethod
    def of(cls, version: int, plan: Plan) -> DedupeHistory:
        """Return the history of a plan that has no earlier version."""
        history = cls()
        history.note(version, plan)
        return history

    def note(self, version: int, plan: Plan) -> None:
        """Take in a version; versions come in their order."""
        now = {campaign.id: campaign.dedupe for campaign in plan.campaigns}
        for campaign_id in self._ruled.keys() | now.keys():
            known, rule = self._ruled.get(campaign_id, ()), now.get(campaign_id)
            if not known or known[-1].rule != rule:
                self._ruled[campaign_id] = (*known, Ruled(version, rule))

    def until(self, version: int) -> Mapping[str, Ruling]:
        """Return what each campaign has had up to a version, that one included; campaigns that came later are not."""
        found = {name: tuple(one for one in ruling if one.version <= version) for name, ruling in self._ruled.items()}
        return {name: ruling for name, ruling in found.items() if ruling}
