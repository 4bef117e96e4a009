"""Claims: who was first with an e-mail or a phone. The port between the stage and Redis, safe against its loss.

The log is the truth, Redis an index over it. A worker claims only under a generation of claims that it has found
complete for its plan, and asks once more, after its records are flushed and before they are committed, whether the
generation still stands. Between those two moments a wiped, restarted or replaced server cannot go unnoticed:

    prepare   look (first time only), claim under the seal ....... seal broken: nothing is claimed, rest
    flush     the unique leads are in the log, not yet committed
    confirm   the seal holds .................................. seal broken: abort, redo under the next generation
    commit

Whoever rebuilds first sets a new generation, then notes how far the log goes, uncommitted records included, then
reads that far. A lead whose worker passed `confirm` before was flushed before, so it is found; a worker that asks
after is refused.

Only leads that become unique claim anything. A duplicate claims nothing although it may carry a new phone: rebuilding
reads `leads.unique`, where duplicates are not, and would not know its claims, so the verdicts on later leads would
depend on whether Redis was ever lost. For the same reason a lead that is rejected for its fields claims nothing.

A limit: claims are made before their epoch commits. When an epoch is undone and a plan or a pause that comes into
force at that moment refuses one of its leads on the second try, its claims stay for their window, and a like lead is
a duplicate of one that never became unique. Neither is sold; the fact of the rejection names both.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agents.dedup.keys import PlanClaims, Row
from agents.dedup.rebuild import Rebuilder
from agents.dedup.sentinel import Sentinel, Step, judge, read, write
from agents.dedup.store import CALL_TIMEOUT_S, Found, Seal, Store
from schemas.errors import Unavailable

#: Rows in one script call: 4 ms of the server, which does nothing else meanwhile.
CHUNK_ROWS = 500
#: All calls of one prepare together; the engine allows 500 ms.
BUDGET_S = 0.5


class Earlier(NamedTuple):
    """The lead that was first. `key` 0: the same lead_id (a repeat); else the position of the key that hit, from 1."""

    key: int
    lead_id: str
    partition: int
    offset: int
    received_at: int


class Claims:
    """The claims of one worker; used from the engine's thread. `waits` may be read from any.

    `call_timeout_s` is the longest that one step of the store may take: after the first chunk
    no further one is begun that could pass the budget.
    """

    def __init__(self, store: Store, rebuilder: Rebuilder, call_timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._store = store
        self._call_timeout_s = call_timeout_s
        self._rebuilder = rebuilder
        self._seal: Seal | None = None
        self._sealed_for: PlanClaims | None = None

    @property
    def waits(self) -> str | None:
        """Why nobody can claim now, as far as this worker knows without asking; None when it can be tried."""
        return self._rebuilder.waits

    def claim(self, rows: Sequence[Row], need: PlanClaims) -> tuple[Seal, Mapping[int, Earlier]]:
        """Claim the rows in order and return the seal to `confirm`, and who was before, by position of the row.

        Repeating the call with the same rows gives the same answer: a record finds its own claims. Raises
        Unavailable when Redis does not answer within the budget, or its claims are not complete for this plan; a
        rebuild that is due has then been started. Rows of earlier chunks stay claimed, which harms nobody.
        """
        until = time.monotonic() + BUDGET_S - self._call_timeout_s
        seal = self._sealed(need)
        earlier: dict[int, Earlier] = {}
        for start in range(0, len(rows), CHUNK_ROWS):
            if start and time.monotonic() > until:
                raise Unavailable("Redis is too slow to claim a batch in time")
            found = self._store.claim(seal, rows[start : start + CHUNK_ROWS])
            if found is None:
                self._seal = None
                raise Unavailable("the claims in Redis are no longer those of a moment ago; looking again")
            earlier |= {start + hit.row: _earlier(hit) for hit in found}
        return seal, earlier

    def confirm(self, seal: Seal) -> None:
        """Raise Unavailable unless the generation that the records were judged under still stands."""
        if not self._store.holds(seal):
            self._seal = None
            raise Unavailable("the claims in Redis were lost or rebuilt while this epoch was open")

    def close(self) -> None:
        """End a rebuild of this worker; another worker will take it over."""
        self._rebuilder.close()

    def _sealed(self, need: PlanClaims) -> Seal:
        """Return the seal of a generation that serves this plan, from memory or by looking."""
        if self._seal is None or self._sealed_for is not need:
            self._seal = self._look(need)
            self._sealed_for = need
        return self._seal

    def _look(self, need: PlanClaims) -> Seal:
        seen = self._store.look()
        found = read(seen.token)
        step, why = judge(found, seen.run_id, need)
        if step is Step.REBUILD:
            if seen.rebuilding:
                raise Unavailable(f"claims are being rebuilt by another worker, {seen.rebuilding.partition(' ')[2]}")
            trouble = self._rebuilder.trouble
            self._rebuilder.start(need, why)
            raise Unavailable(f"{why}: claims are rebuilt from the log{f' (last try: {trouble})' if trouble else ''}")
        if step is Step.WAIT or seen.token is None or found is None:
            raise Unavailable(why)
        seal = Seal(seen.token, seen.run_id)
        return self._narrowed(seal, found, need) if step is Step.NARROW else seal

    def _narrowed(self, seal: Seal, found: Sentinel, need: PlanClaims) -> Seal:
        """Say in the sentinel that from now on fewer keys are claimed, so that a later widening rebuilds.

        It stays the same generation, but not the same seal: epochs under the wider plan are redone.
        """
        narrower = Sentinel(
            found.generation, True, found.run_id, found.key, need.plan_version, dict(sorted(need.shape.items()))
        )
        token = write(narrower)
        if not self._store.swap(seal.token, seal.run_id, token):
            raise Unavailable("the claims in Redis changed at this moment; looking again")
        return Seal(token, seal.run_id)


def _earlier(found: Found) -> Earlier:
    partition, offset, received_at, lead_id = found.value.split(":", 3)
    return Earlier(found.key, lead_id, int(partition), int(offset), int(received_at))
