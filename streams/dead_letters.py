"""Dead letters: how a record that fails alone is set aside, and when setting aside must stop.

The limits keep a bad deploy from emptying a topic into its dead-letter topic.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import PurePath

from schemas.errors import NeedsPerson, Poison
from schemas.records import DeadLetter
from streams.stage import Message


@dataclass(frozen=True)
class DeadLetterLimits:
    """How much may be set aside of each source topic before a person must look.

    `run_max` records of one partition one after the other; or more than `share_max` of the last `window_records`
    records of the topic (but `run_max` are always allowed, so that one bad record on a quiet day is no share).
    """

    run_max: int = 20
    share_max: float = 0.02
    window_records: int = 5000

    def __post_init__(self) -> None:
        if self.run_max < 1 or not 0 < self.share_max <= 1 or self.window_records < 1:
            raise ValueError(f"dead-letter limits must be above 0, and the share at most 1: {self}")


@dataclass
class DeadLetterState:
    """The running state of the limits for one source topic; starts anew with the process."""

    limits: DeadLetterLimits
    processed: int = 0
    _runs: dict[int, int] = field(default_factory=dict)
    _dead_at: deque[int] = field(default_factory=deque)

    def committed(self, partition: int, records: int) -> None:
        """Count records of a partition that were processed; ends its run of dead ones."""
        self.processed += records
        if self._runs:
            self._runs.pop(partition, None)

    def check(self, topic: str, partition: int) -> None:
        """Raise NeedsPerson if one more dead letter would pass a limit: the record then stays in its topic."""
        limits = self.limits
        run = self._runs.get(partition, 0) + 1
        if run > limits.run_max:
            raise NeedsPerson(f"{topic}-{partition}: {run} dead letters in a row; look with `leadflow dead list`")
        while self._dead_at and self._dead_at[0] <= self.processed - limits.window_records:
            self._dead_at.popleft()
        allowed = max(limits.run_max, int(limits.share_max * limits.window_records))
        if len(self._dead_at) + 1 > allowed:
            raise NeedsPerson(
                f"{topic}: more than {allowed} dead letters among the last {limits.window_records} records; "
                "look with `leadflow dead list`"
            )

    def set_aside(self, partition: int) -> None:
        """Count a record that was set aside."""
        self.processed += 1
        self._runs[partition] = self._runs.get(partition, 0) + 1
        self._dead_at.append(self.processed)


def dead_topic(topic: str) -> str:
    """Return the topic (one partition) to which dead letters of a topic go."""
    return f"{topic}.dead"


def dead_letter(stage: str, message: Message, error: Exception, now_ms: int) -> DeadLetter:
    """Return the dead letter of a record that failed alone with `error`.

    The detail is the error's own text only for our Poison errors, whose texts never quote a value; of any other
    error it is the type and the place in the code, for its text may hold a person's value.
    """
    return DeadLetter(
        stage=stage,
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp_at=message.timestamp_ms,
        reason=reason_of(error),
        detail=describe(error),
        at=now_ms,
        key=message.key,
        value=message.value,
        headers={name: value or b"" for name, value in message.headers},
    )


def reason_of(error: Exception) -> str:
    """Return the reason code of an error: its own for Poison, EXCEPTION for anything else."""
    return error.reason if isinstance(error, Poison) else "EXCEPTION"


def describe(error: Exception) -> str:
    """Return what may be written down about an error: never a value that it was raised over."""
    if isinstance(error, Poison):
        return str(error)
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return type(error).__name__
    code = place.tb_frame.f_code
    return f"{type(error).__name__} in {code.co_name} ({PurePath(code.co_filename).name}:{place.tb_lineno})"
