"""Views of what every worker follows: the plan in force, and suppliers and campaigns that are paused by hand.

A view is fed records in the order of their topic and never fails: a record it cannot read leaves what was known in
force, and `problem` says so until the next good one. Stages read views in the engine's thread, where they are fed.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import msgspec

from config.plan.canonical import from_json
from config.plan.compiled import CompiledPlan, compile_plan
from config.plan.dedupes import DedupeHistory
from config.plan.model import Plan
from schemas.codec import Codec
from schemas.errors import LeadflowError
from schemas.records import Pause, PlanVersion
from schemas.topics import PAUSES, PLAN
from streams.stage import Message

#: A pause without an end.
UNTIL_RESUMED = -1


class _Version(NamedTuple):
    number: int
    plan: Plan


class PlanView:
    """The newest usable version of the plan.

    The topic holds every version there ever was. Each is read as it comes, but only the one that somebody asks for
    is compiled: a worker that starts does not compile the whole history. `dedupes` keeps what each said of duplicates.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._plan: CompiledPlan | None = None
        #: Versions newer than `_plan`, the newest last; a few, so that one that cannot be compiled has a fallback.
        self._newer: deque[_Version] = deque(maxlen=3)
        self.dedupes = DedupeHistory()
        self.problem = ""

    def current(self) -> CompiledPlan | None:
        """Return the plan in force; the same object until the next version. None: no plan was ever applied."""
        while self._newer:
            version = self._newer.pop()
            try:
                self._plan = compile_plan(version.plan, version.number)
            except Exception as error:
                self.problem = f"plan version {version.number} cannot be used ({_said(error)}); {self._kept()}"
            else:
                self._newer.clear()
        return self._plan

    def apply(self, message: Message) -> None:
        """Take in a record of `internal.plan`. Versions that are not newer than the last one are left aside."""
        try:
            record = self._codec.decode_as(message.value or b"", PlanVersion)
            if record.version > self._last():
                plan = from_json(record.plan_json)
                self._newer.append(_Version(record.version, plan))
                self.dedupes.note(record.version, plan)
        except Exception as error:
            # Whatever a foreign writer put there, a worker goes on by the plan it has; the cause is for the operator.
            where = f"{PLAN}-{message.partition}@{message.offset}"
            self.problem = f"{where} cannot be read ({_said(error)}); {self._kept()}"
        else:
            self.problem = ""

    def _last(self) -> int:
        """Return the number of the last version taken in, 0 if there is none."""
        if self._newer:
            return self._newer[-1].number
        return 0 if self._plan is None else self._plan.version

    def _kept(self) -> str:
        last = self._last()
        kept = f"version {last} stays in force" if last else "no plan is in force"
        return f"{kept}; apply the plan again"


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
