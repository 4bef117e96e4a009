"""What tests of claims share: a store and a log, workers on them, and what a plan asks of the claims."""

from __future__ import annotations

from agents.asked import values_of
from agents.dedup.claims import Claims
from agents.dedup.hashes import Hashes
from agents.dedup.keys import Claimant, PlanClaims
from agents.dedup.memory_store import MemoryStore
from agents.dedup.rebuild import Rebuilder, UniqueLog
from schemas.errors import Unavailable
from schemas.records import Lead, Slip
from tests.unit.agents.intake import NOW, SLIPS, MemoryUniqueLog, open_unique, plan

HASHES = Hashes(b"a key that is long enough")


class World:
    """A store, a log, and workers on them whose rebuilds run at once."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.log = MemoryUniqueLog()
        self.now_ms = NOW

    def worker(self, log: UniqueLog | None = None, patience: int = 3) -> Claims:
        """Return the claims of another worker."""
        rebuilder = Rebuilder(
            self.store, log or self.log, open_unique, lambda: self.now_ms, lambda work: work(), patience
        )
        return Claims(self.store, rebuilder)

    def unique(
        self,
        lead: Lead,
        offset: int,
        *,
        at: int = NOW,
        test: bool = False,
        campaign: str = "solar-us",
        plan_version: int = 1,
    ) -> None:
        """Put a unique lead into the log."""
        slip = Slip(
            f"lead-{offset}", campaign, "acme-forms", f"form-{offset}", test, at, at, 0, offset, at, at, plan_version,
            "", "", {}, {}, (),
        )  # fmt: skip
        self.log.add(SLIPS.seal_unique(SLIPS.unique(slip, SLIPS.body_of(lead))), offset % 2)


def need(version: int = 1, of: str = "email, phone", within: str = "30d", match: str = "any") -> PlanClaims:
    """Return what a plan asks of the claims."""
    return PlanClaims(plan(version, match, of, within), HASHES)


def lead_row(wanted: PlanClaims, lead: Lead, offset: int, at: int = NOW) -> tuple[str | int, ...]:
    """Return the row of a lead, as the stage makes it."""
    rule = wanted.rules["solar-us"]
    return rule.row(Claimant(f"lead-{offset}", 0, offset, at), rule.keys(values_of(lead)))


def settled(claims: Claims, wanted: PlanClaims) -> Claims:
    """Let the worker find or make a generation for this plan."""
    for _ in range(3):
        try:
            claims.claim([], wanted)
        except Unavailable:
            continue
        return claims
    raise AssertionError("no generation came to be")
