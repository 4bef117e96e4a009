"""Who may run now: stages that rest, wait or stand behind a backlog, and what is paused at the client for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from streams.client import Client
from streams.lanes import Lane
from streams.stage import Stage, TopicPartition


@dataclass(frozen=True)
class Rest:
    """A stage whose world is in the way: it is tried again at `until_ms` (monotonic), each time later."""

    reason: str
    until_ms: int
    for_ms: int


class Rests:
    """Resting stages, with a back-off that doubles until the stage gets through."""

    def __init__(self, min_ms: int, max_ms: int) -> None:
        self._min_ms = min_ms
        self._max_ms = max_ms
        self._rests: dict[str, Rest] = {}

    def rest(self, stage: str, reason: str, now_ms: int) -> None:
        """Let a stage rest, twice as long as the last time in a row."""
        before = self._rests.get(stage)
        for_ms = self._min_ms if before is None else min(self._max_ms, before.for_ms * 2)
        self._rests[stage] = Rest(reason, now_ms + for_ms, for_ms)

    def through(self, stages: Iterable[str]) -> None:
        """Forget the rests of stages that got through."""
        if self._rests:
            for stage in stages:
                self._rests.pop(stage, None)

    def resting(self, stage: str, now_ms: int) -> str | None:
        """Return why a stage rests now, or None."""
        rest = self._rests.get(stage)
        return rest.reason if rest is not None and now_ms < rest.until_ms else None

    def reasons(self) -> dict[str, str]:
        """Return the reason of every stage that rests or has not got through since."""
        return {stage: rest.reason for stage, rest in list(self._rests.items())}


class Backlog:
    """Downstream first: a stage is held back while a later one of this worker has too much waiting.

    A backlog is believed only while records of that stage really arrive: offsets of an aborted bulk look like
    waiting records for ever, and would hold back the only stages that could move them.
    """

    #: How long a stage's backlog is believed without any record of it having come.
    _BELIEVED_MS = 1000

    def __init__(self, stages: Sequence[Stage], records_max: int) -> None:
        self._names = [stage.name for stage in stages]
        self._records_max = records_max
        self._over: set[str] = set()
        self._since_ms: dict[str, int] = {}

    def arrived(self, stages: Iterable[str], now_ms: int) -> None:
        """Note which stages' records came."""
        for stage in stages:
            self._since_ms[stage] = now_ms

    def held(self, waiting: Mapping[str, int], now_ms: int) -> dict[str, str]:
        """Return the stages to hold back, each with the later stage it waits for.

        Args:
            waiting: records waiting by stage, of lanes that may run.
            now_ms: monotonic.
        """
        for name in self._names:
            count = waiting.get(name, 0)
            moving = now_ms - self._since_ms.get(name, now_ms - self._BELIEVED_MS) < self._BELIEVED_MS
            if count > self._records_max and moving:
                self._over.add(name)
            elif not moving or count <= self._records_max // 2:
                self._over.discard(name)
        held: dict[str, str] = {}
        cause: str | None = None
        for name in reversed(self._names):
            if cause is not None:
                held[name] = cause
            if name in self._over:
                cause = name
        return held


class EpochSize:
    """How many records an epoch may take now: fewer while the world is slow, so that a redone one fits its time.

    An epoch that takes the client's clock (400 ms) is lost or followed by a new producer handle, and one that cannot
    be prepared in its time is given back; the same one again would fare no better.
    """

    SMALLEST = 16

    def __init__(self, records_max: int, slow_ms: int) -> None:
        self._most = records_max
        self._slow_ms = slow_ms
        self.records = records_max

    def shrink(self) -> None:
        """The transaction failed, or was hard to prepare: take half as many."""
        self.records = max(self.records // 2, min(self.SMALLEST, self._most))

    def committed(self, took_ms: int) -> None:
        """Take twice as many after a quick one, half as many after a slow one."""
        if took_ms >= self._slow_ms:
            self.shrink()
        elif took_ms * 4 <= self._slow_ms:
            self.records = min(self.records * 2, self._most)


class Losses:
    """Epochs lost one after the other, and the wait before the next one: longer each time, polling goes on."""

    def __init__(self, min_ms: int, max_ms: int) -> None:
        self._min_ms = min_ms
        self._max_ms = max_ms
        self._until_ms = 0
        self.in_a_row = 0

    def lost(self, now_ms: int) -> None:
        """One more; the first of a row is redone at once."""
        self.in_a_row += 1
        if self.in_a_row > 1:
            self._until_ms = now_ms + min(self._max_ms, self._min_ms << min(self.in_a_row - 2, 10))

    def left_ms(self, now_ms: int) -> int:
        """Return how long is to be waited yet."""
        return max(0, self._until_ms - now_ms)


class Pauses:
    """What is paused at the client, told to it only when it changes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._paused: set[TopicPartition] = set()

    def __bool__(self) -> bool:
        return bool(self._paused)

    def set(self, paused: set[TopicPartition], running: Mapping[TopicPartition, Lane]) -> None:
        """Pause exactly these of the running partitions."""
        before = self._paused
        if paused != before:
            if more := [partition for partition in paused if partition not in before]:
                self._client.pause(more)
            if less := [partition for partition in before if partition not in paused and partition in running]:
                self._client.resume(less)
            self._paused = paused

    def started(self, partitions: Iterable[TopicPartition]) -> None:
        """A partition that starts anew is not paused."""
        self._paused.difference_update(partitions)
