"""The credits of one router partition at hand: read once, changed in memory, written once a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.routing.eligible import Lineup
from config.plan.compiled import CompiledContract
from schemas.records import Credit
from streams.stage import Table
from tables.rotations import start_credit


class Credits:
    """The rotation of one partition. Losing it costs nothing: the table has it as of the last committed epoch."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._table: Table[Any]
        self._credits: dict[str, float] = {}
        self._changed: set[str] = set()

    def sit_down(self, table: Table[Any]) -> None:
        """Work with this table from now on: that of the epoch that is open."""
        self._table = table

    def of(self, lineup: Lineup) -> list[float]:
        """Return the contracts' credits in leads, in their order."""
        credits = self._credits
        try:
            return [credits[contract_id] for contract_id in lineup.ids]
        except KeyError:
            for contract in lineup.contracts:
                if contract.contract_id not in credits:
                    credits[contract.contract_id] = self._read(contract)
            return [credits[contract_id] for contract_id in lineup.ids]

    def set(self, lineup: Lineup, credits: Sequence[float]) -> None:
        """Remember the contracts' credits after a lead."""
        self._credits.update(zip(lineup.ids, credits, strict=True))
        self._changed.update(lineup.ids)

    def write(self) -> None:
        """Put what has changed into the table."""
        for contract_id in self._changed:
            self._table.put(contract_id, Credit(self._credits[contract_id]))
        self._changed.clear()

    def _read(self, contract: CompiledContract) -> float:
        known: Credit | None = self._table.get(contract.contract_id)
        if known is not None:
            return known.credit
        return start_credit(self._partition, contract.campaign_id, contract.contract_id)
