"""Checks of the world that run now and then: pinned partition counts, and our clock against the broker's."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from schemas.errors import EpochLost, NeedsPerson, StateInDoubt, Unavailable
from streams.client import Client
from streams.clock import Clock
from streams.options import EngineOptions

#: Samples of the clock that are compared. Each tells of a difference only what is certain: the largest one counts.
_CLOCK_SAMPLES = 5


class Checks:
    """Raises NeedsPerson when the world differs from what was pinned; says what merely keeps us from being ready."""

    def __init__(self, client: Client, clock: Clock, options: EngineOptions, counts: Mapping[str, int]) -> None:
        self._client = client
        self._clock = clock
        self._options = options
        self._counts = dict(counts)
        self._due_ms = clock.monotonic_ms()
        self._far_off = False
        self._member_at_ms = clock.monotonic_ms()
        self._samples: deque[tuple[int, int]] = deque(maxlen=_CLOCK_SAMPLES)
        #: Topics of the catalogue that the broker does not have.
        self.missing: tuple[str, ...] = ()

    def soon(self) -> None:
        """Check at the next opportunity: the assignment has changed."""
        self._due_ms = self._clock.monotonic_ms()

    def run(self) -> None:
        """Check what is due. Raises NeedsPerson (exit 78): nothing is produced any more."""
        now = self._clock.monotonic_ms()
        if now < self._due_ms:
            return
        self._due_ms = now + self._options.check_every_ms
        self._check_counts()
        self._check_clock()

    def confirm_clock(self) -> None:
        """Let nothing be committed while the clock is far off; asked in each epoch, once its records are appended.

        Raises EpochLost the first time, for the clock may just have been set; NeedsPerson when it stays so.
        """
        sample = self._client.append_time_ms()
        off = 0 if sample is None else sample[1] - sample[0]
        before, self._far_off = self._far_off, abs(off) >= self._options.clock_off_ms_exit
        if self._far_off:
            raise self._wrong_clock(off) if before else EpochLost(f"the clock is {off} ms off the broker's")

    def membership(self, is_member: bool) -> None:
        """Look whether the group counts us in; told after each poll.

        librdkafka may wait for ever for a coordinator that it has lost (its issues 5511, 5456), and says nothing.
        Raises StateInDoubt when that lasts although the cluster answers: a new process joins at once.
        """
        now = self._clock.monotonic_ms()
        if is_member:
            self._member_at_ms = now
        elif now - self._member_at_ms >= self._options.no_member_ms_exit:
            out_ms, self._member_at_ms = now - self._member_at_ms, now
            try:
                self._client.partition_counts(self._counts)
            except Unavailable:
                return
            raise StateInDoubt(f"not a member of the group for {out_ms // 1000} s, although the cluster answers")

    def clock_off_ms(self) -> int | None:
        """Return how far the broker's clock is ahead of ours (negative: behind), None if not known yet."""
        return max((append - sent for sent, append in list(self._samples)), key=abs, default=None)

    def not_ready(self) -> list[str]:
        """Return the reasons that lie here."""
        reasons = [f"topic {topic} is missing: run `leadflow topics create`" for topic in self.missing]
        off = self.clock_off_ms()
        if off is not None and abs(off) >= self._options.clock_off_ms_ready:
            reasons.append(f"the clock is {abs(off)} ms {'behind' if off > 0 else 'ahead of'} the broker's")
        return reasons

    def _check_counts(self) -> None:
        if not self._counts:
            return
        try:
            found = self._client.partition_counts(self._counts)
        except Unavailable:
            return
        self.missing = tuple(sorted(topic for topic in self._counts if topic not in found))
        wrong = [
            f"{topic} has {found[topic]} partitions instead of {count}"
            for topic, count in sorted(self._counts.items())
            if topic in found and found[topic] != count
        ]
        if wrong:
            raise NeedsPerson(
                f"{'; '.join(wrong)}: keys would change their owners. Partition counts are pinned when topics are made"
            )

    def _check_clock(self) -> None:
        sample = self._client.append_time_ms()
        if sample is None or (self._samples and self._samples[-1] == sample):
            return
        self._samples.append(sample)
        last = [append - sent for sent, append in list(self._samples)[-2:]]
        if len(last) > 1 and min(map(abs, last)) >= self._options.clock_off_ms_exit:
            raise self._wrong_clock(last[-1])

    def _wrong_clock(self, off_ms: int) -> NeedsPerson:
        return NeedsPerson(f"the clock is {off_ms} ms off the broker's: set it right, then start the worker again")
