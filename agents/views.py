"""Views of what every worker follows: the plan in force, and suppliers and campaigns that are paused by hand.

A view is fed records in the order of their topic and never fails: a record it cannot read leaves what was known in
force, and `problem` says so until the next good one. Stages read views in the engine's thread, where they are fed.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from config.plan.canonical import from_json
from config.plan.compiled import CompiledPlan, compile_plan
from schemas.codec import Codec
from schemas.errors import LeadflowError
from schemas.records import Pause, PlanVersion
from schemas.topics import PAUSES, PLAN
from streams.stage import Message

#: A pause without an end.
UNTIL_RESUMED = -1


class PlanView:
    """The newest readable version of the plan."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._plan: CompiledPlan | None = None
        self.applied_at = 0
        self.problem = ""

    def current(self) -> CompiledPlan | None:
        """Return the plan in force; the same object until the next version. None: no plan was ever applied."""
        return self._plan

    def apply(self, message: Message) -> None:
        """Take in a record of `internal.plan`. Older versions than the one in force are left aside."""
        where = f"{PLAN}-{message.partition}@{message.offset}"
        try:
            record = self._codec.decode_as(message.value or b"", PlanVersion)
            if self._plan is not None and record.version <= self._plan.version:
                return
            self._plan = compile_plan(from_json(record.plan_json), record.version)
        except Exception as error:
            # Whatever a foreign writer put there, a worker goes on by the plan it has; the cause is for the operator.
            kept = "no plan is in force" if self._plan is None else f"version {self._plan.version} stays in force"
            self.problem = f"{where} cannot be read ({_said(error)}); {kept}; apply the plan again"
            return
        self.applied_at = record.applied_at
        self.problem = ""


class _Paused(NamedTuple):
    until: int


class PauseView:
    """Which suppliers and campaigns are paused; `kind` is `supplier` or `campaign`."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._paused: dict[tuple[str, str], _Paused] = {}
        self.problem = ""

    def __bool__(self) -> bool:
        return bool(self._paused)

    def paused(self, kind: str, id_: str, at_ms: int) -> bool:
        """Say whether it is paused for a lead received at this time; a pause without an end is, until resumed.

        A lead that was received before the pause and waits in the log falls under it too: a pause stops what has
        not been decided. One received after the pause's end does not, however late it is read.
        """
        found = self._paused.get((kind, id_))
        return found is not None and (found.until == UNTIL_RESUMED or at_ms < found.until)

    def apply(self, message: Message) -> None:
        """Take in a record of `internal.pauses`; the last one of a key counts, a tombstone resumes."""
        where = f"{PAUSES}-{message.partition}@{message.offset}"
        try:
            if message.value is None:
                kind, _, id_ = (message.key or b"").decode().partition("/")
                self._paused.pop((kind, id_), None)
                return
            record = self._codec.decode_as(message.value, Pause)
        except Exception as error:
            self.problem = f"{where} cannot be read ({_said(error)}); pauses stay as they were"
            return
        self._take(record)
        self.problem = ""

    def _take(self, record: Pause) -> None:
        if record.paused:
            self._paused[record.kind, record.id] = _Paused(record.until)
        else:
            self._paused.pop((record.kind, record.id), None)


def _said(error: Exception) -> str:
    """Return what is wrong; only errors of our own and of the JSON's form are quoted, they name places, not values."""
    if isinstance(error, LeadflowError | msgspec.DecodeError):
        return f"{type(error).__name__}: {str(error)[:200]}"
    return type(error).__name__
