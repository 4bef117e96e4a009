"""The auditor as a monitor: follows the topics for ever and tells what it finds as it appears.

It begins at a moment and judges leads received from then on. A lead on its way is no finding until it has been so for
longer than is allowed; then it is one, once, and may still come to its end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from console.audit.auditor import Auditor
from console.audit.findings import Finding
from console.audit.metrics import Watched
from console.audit.scope import Scope, audited
from console.audit.topics import Window, reading_of, slices
from console.reading import CHUNK_RECORDS, Reader
from schemas.codec import Codec
from streams.stage import Message, TopicPartition

#: How often it looks for new topics (an added buyer's) and for how far it is behind, in s.
LOOK_EVERY_S = 5.0
#: What has been written is read within this, unless it is far behind: added to how long a lead may take, in ms.
SLACK_MS = 5_000


class Monitor:
    """Follows the topics behind `reader`.

    Args:
        reader, codec: where and how records are read.
        auditor: makes an auditor for a scope.
        now_ms: the time that this leadflow lives in.
        overdue_ms: how long a lead may be on its way.
    """

    def __init__(
        self,
        reader: Reader,
        codec: Codec,
        auditor: Callable[[Codec, Scope], Auditor],
        now_ms: Callable[[], int],
        overdue_ms: int,
    ) -> None:
        self._reader = reader
        self._codec = codec
        self._make = auditor
        self._now_ms = now_ms
        self._overdue_ms = overdue_ms
        self._auditor: Auditor | None = None
        self._lag = 0
        self._at: dict[TopicPartition, int] = {}

    def watched(self) -> Watched:
        """Return the numbers as they are now; may be asked from another thread."""
        auditor = self._auditor
        if auditor is None:
            return Watched()
        figures = auditor.figures
        return Watched(dict(auditor.found_by_rule), figures.records, figures.closed, auditor.open_leads, self._lag)

    def run(self, window: Window) -> Iterator[tuple[Finding, ...]]:
        """Yield what is found, mostly nothing, about ten times a second, for ever; first all since the window began.

        Raises Unreachable.
        """
        reading = reading_of(self._reader, window)
        scope = reading.scope._replace(ends=None)
        auditor = self._auditor = self._make(self._codec, scope)
        for ranges in (reading.rules, *slices(self._reader, reading.ways)):
            yield from (found for message in self._reader.read(ranges) if (found := auditor.take(message)))
            yield ()
        self._at = {at: bounds.end for at, bounds in chain(reading.rules.items(), reading.ways.items())}
        for chunk in self._chunks():
            findings = [each for message in chunk for each in auditor.take(message)]
            if len(chunk) < CHUNK_RECORDS:
                findings += auditor.advance(self._now_ms() - SLACK_MS, self._overdue_ms)
            yield tuple(findings)

    def _chunks(self) -> Iterator[Sequence[Message]]:
        """Yield what is written from now on, for ever; topics that come up are read from their beginning."""
        while True:
            starts, look_at = dict(self._at), time.monotonic() + LOOK_EVERY_S
            for chunk in self._reader.follow(starts):
                self._note(chunk)
                yield chunk
                if time.monotonic() >= look_at:
                    look_at = time.monotonic() + LOOK_EVERY_S
                    if self._look():
                        break

    def _note(self, chunk: Iterable[Message]) -> None:
        for message in chunk:
            self._at[TopicPartition(message.topic, message.partition)] = message.offset + 1

    def _look(self) -> bool:
        """Measure the lag; return whether there are partitions that were not followed so far."""
        topics = [topic for topic in self._reader.topics() if audited(topic)]
        ends = self._reader.ends(self._reader.partitions(*topics))
        new = [at for at in ends if at not in self._at]
        self._at |= dict.fromkeys(new, 0)
        self._lag = sum(max(0, end - self._at[at]) for at, end in ends.items())
        return bool(new)
