"""The credits of one router partition at hand: read once, changed in memory, written down now and then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from agents.routing.eligible import Lineup
from config.plan.compiled import CompiledContract
from schemas.records import Credit
from streams.stage import Table
from tables.rotations import start_credit

#: How often changed credits are written into the table. A lead changes those of all contracts that it could go to;
#: writing them with each would be most of what a quiet worker writes. What a crash loses is harmless: a credit lies
#: within a lead or two of 0 at any time, so taking up an older one is off by no more than that, once.
WRITE_EVERY_MS: Final = 1_000
#: About how many at a time, those that wait longest first: with thousands of contracts a second changes more than that,
#: and what they cost would grow with their number.
WRITE_MAX: Final = 100


class Credits:
    """The rotation of one partition. Losing it costs little: the table has it as of a second ago."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._table: Table[Any]
        self._credits: dict[str, float] = {}
        self._changed: dict[Lineup, None] = {}
        self._written_at = 0

    def sit_down(self, table: Table[Any]) -> None:
        """Work with this table from now on: that of the epoch that is open."""
        self._table = table

    def of(self, lineup: Lineup) -> tuple[float, ...]:
        """Return the contracts' credits in leads, in their order."""
        try:
            return lineup.values_in(self._credits)
        except KeyError:
            for contract in lineup.contracts:
                if contract.contract_id not in self._credits:
                    self._credits[contract.contract_id] = self._read(contract)
            return lineup.values_in(self._credits)

    def set(self, lineup: Lineup, credits: Sequence[float]) -> None:
        """Remember the contracts' credits after a lead."""
        self._credits.update(zip(lineup.ids, credits, strict=True))
        self._changed[lineup] = None

    def write(self, now_ms: int) -> None:
        """Put some of what has changed into the table, the rest the next time.

        Does nothing within a second of the last time, unless that lies ahead: clocks go back.
        """
        if not self._changed or 0 <= now_ms - self._written_at < WRITE_EVERY_MS:
            return
        due: dict[str, None] = {}
        for lineup in list(self._changed):
            if len(due) >= WRITE_MAX:
                break
            due.update(dict.fromkeys(lineup.ids))
            del self._changed[lineup]
        for contract_id in due:
            self._table.put(contract_id, Credit(self._credits[contract_id]))
        self._written_at = now_ms

    def _read(self, contract: CompiledContract) -> float:
        known: Credit | None = self._table.get(contract.contract_id)
        if known is not None:
            return known.credit
        return start_credit(self._partition, contract.campaign_id, contract.contract_id)
