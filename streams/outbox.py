"""What an epoch writes, on its way from a stage's `emit` into the log.

    emitted -> placed -> foretold, if it is known where it will stand -> sent -> told, by the answer to its Produce

Used per epoch and partition, never per record: stages append to `emitted` themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from schemas.errors import EpochLost, Overtaken
from streams.client import Output, Place, Placed

#: Records as they were appended, by partition, in order: the first one's offset, the last one's, and what was emitted.
Appended = Mapping[Place, tuple[int, int, Sequence[Output]]]


class Outbox:
    """The records of one epoch, and where they stand as far as that is known."""

    def __init__(self) -> None:
        #: All of them, in the order of `emit`; grows at its end alone once some are placed.
        self.emitted: list[Output] = []
        #: Where those stand that were told or foretold last, and not before; for who hands them over.
        self.appended: Appended = {}
        #: The partitions that were sent to, with the offset of the last record there; None while it is not told.
        self.last: dict[Place, int | None] = {}
        self._placed = 0
        self._pending: dict[Place, list[Output]] = {}
        self._sent: Placed = {}
        #: Of what is pending: the first offset and the number of records that were foretold.
        self._foretold: dict[Place, tuple[int, int]] = {}

    def hold_only(self, output: Output) -> None:
        """Write this record instead of all that was emitted, none of which was placed."""
        self.emitted[:] = (output,)

    def unplaced(self) -> list[Output]:
        """Return what was emitted and has no partition yet."""
        return self.emitted[self._placed :] if self._placed else self.emitted

    def place(self, choose: Callable[[Sequence[Output]], Placed]) -> Placed:
        """Let `choose` give what is unplaced its partitions, and return it: it is pending now."""
        outputs, self._placed = self.unplaced(), len(self.emitted)
        placed = choose(outputs)
        for place, own in placed.items():
            self._pending.setdefault(place, []).extend(own)
        return placed

    def foretell(self, first: Mapping[Place, int], placed: Placed) -> None:
        """Take records just placed as appended from these offsets on; `told` looks whether they are.

        Args:
            first: where the first record of a partition will stand; of the others nothing is foretold.
            placed: as `place` returned it.
        """
        self.appended = appended = dict[Place, tuple[int, int, Sequence[Output]]]()
        for place, at in first.items():
            outputs = placed[place]
            appended[place] = (at, at + len(outputs) - 1, outputs)
            begin, count = self._foretold.get(place, (at, 0))
            self._foretold[place] = (begin, count + len(outputs))

    def send(self) -> Placed:
        """Return all that is pending, which goes into the transaction now, whether the client gets through or not."""
        self._sent, self._pending = self._pending, {}
        self.last.update(dict.fromkeys(self._sent))
        return self._sent

    def told(self, offsets: Mapping[Place, tuple[int, int]]) -> None:
        """Note the first and last offset of what was sent, by partition; what was not foretold is `appended` now.

        Raises:
            Overtaken: records do not stand where they were foretold to: offsets of others would be committed.
            EpochLost: it was not told of all where they stand.
        """
        sent, self._sent = self._sent, {}
        for topic, partition in sent.keys() - offsets.keys():
            raise EpochLost(f"it was not told where records of {topic}-{partition} stand")
        foretold, self._foretold = self._foretold, {}
        self.last.update({place: last for place, (_, last) in offsets.items()})
        _check_foretold(foretold, sent, offsets)
        self.appended = dict(_behind_foretold(foretold, sent, offsets))


def _check_foretold(
    foretold: Mapping[Place, tuple[int, int]], sent: Placed, offsets: Mapping[Place, tuple[int, int]]
) -> None:
    for place, (expected, _) in foretold.items():
        first, last = offsets[place]
        if first != expected or last - first != len(sent[place]) - 1:
            raise Overtaken(place, expected)


def _behind_foretold(
    foretold: Mapping[Place, tuple[int, int]], sent: Placed, offsets: Mapping[Place, tuple[int, int]]
) -> Iterable[tuple[Place, tuple[int, int, Sequence[Output]]]]:
    for place, (first, last) in offsets.items():
        known = foretold[place][1] if place in foretold else 0
        if known < len(sent[place]):
            yield place, (first + known, last, sent[place][known:])
