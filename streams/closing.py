"""Closing an epoch: changelog and positions, then the transaction, whose outcome is known or ends the process."""

from __future__ import annotations

import logging
from collections.abc import Callable

from schemas.errors import EpochLost, NeedsPerson, Unavailable
from schemas.records import Position, Record
from streams.client import Placed
from streams.context import Context
from streams.dead_letters import dead_letter, dead_topic
from streams.epoch import ENDS_PROCESS, Failure, OpenEpoch, TooLarge, TransactionState
from streams.events import EpochCommitted
from streams.lanes import Lane
from streams.positions import position_key, table_key
from streams.stage import Batch, Message, Stage, TopicPartition

log = logging.getLogger(__name__)
Encode = Callable[[Record], bytes]


class Closer:
    """Writes what an epoch has changed and commits it."""

    def __init__(self, context: Context, encode: Encode, confirm_clock: Callable[[], None]) -> None:
        """Put the parts together; `confirm_clock` raises when nothing may be committed for the clock's sake."""
        self._client = context.client
        self._clock = context.clock
        self._options = context.options
        self._on_event = context.on_event
        self._assignment = context.assignment
        self._cpu = context.cpu
        self._encode = encode
        self._confirm_clock = confirm_clock
        #: How long the last transaction took.
        self.last_ms = 0
        self._began_ms = 0
        self._ends: dict[Lane, int] = {}

    def dead_letter(self, epoch: OpenEpoch, lane: Lane, message: Message, error: Exception) -> None:
        """Make the epoch hold the record's dead letter and nothing else."""
        if lane.store is not None:
            lane.store.undo()
        letter = self._encode(dead_letter(lane.stage.name, message, error, epoch.now_ms))
        epoch.outbox.hold_only((dead_topic(message.topic), letter, message.key, 0, message.headers, None))

    def write_changes(self, epoch: OpenEpoch) -> None:
        """Add one changelog record for each key changed, and the position of each source whose offset is committed.

        A value that cannot be written fails the epoch, and with it the batches of its lane.
        """
        offsets = epoch.offsets()
        for lane in epoch.lanes:
            if lane.store is not None and epoch.failure is None:
                try:
                    self._write_lane(epoch, lane, offsets)
                except ENDS_PROCESS:
                    raise
                except Exception as error:
                    epoch.fail(Failure(error, (lane,), _batches_of(epoch, lane)))

    def _write_lane(self, epoch: OpenEpoch, lane: Lane, offsets: dict[TopicPartition, int]) -> None:
        topic, partition = lane.changelog
        outputs, encode, store = epoch.outbox.emitted, self._encode, lane.store
        for table in store.tables.values() if store is not None else ():
            prefix = table_key(table.name, "")
            for key, record in table.changes():
                value = None if record is None else encode(record)
                if value is not None and len(value) > self._options.record_bytes_max:
                    raise TooLarge(f"an entry of table {table.name} has {len(value)} bytes")
                outputs.append((topic, value, prefix + key.encode(), partition, (), None))
        for source in lane.sources:
            if source in offsets:
                position = Position(source.topic, lane.next[source], offsets[source], epoch.now_ms)
                outputs.append((topic, encode(position), position_key(source.topic), partition, (), None))

    def transact(self, epoch: OpenEpoch) -> None:
        """Begin, produce, flush, confirm, send offsets, commit. A failure whose outcome is known is kept in the epoch.

        Everything is flushed before the offsets go: they are right only if records stand where they were foretold to.
        Any other error leaves as it is and ends the process.
        """
        client = self._client
        try:
            epoch.outbox.place(client.place)
            self._send(epoch)
            self._confirm_clock()
            self._confirm(epoch)
            if epoch.failure is None:
                client.send_offsets(epoch.offsets(), epoch.metadata)
                client.commit()
        except (EpochLost, Unavailable) as error:
            epoch.fail(Failure(error if isinstance(error, EpochLost) else EpochLost(str(error))))
        except NeedsPerson:
            self.abort(epoch)
            raise
        if epoch.failure is not None:
            self.abort(epoch)
            return
        self.last_ms = self._clock.monotonic_ms() - self._began_ms
        self._complete()
        slow = self.last_ms >= self._options.epoch_slow_ms
        records, outputs = (epoch.processed, epoch.processed - epoch.records), len(epoch.outbox.emitted)
        self._on_event(EpochCommitted(*records, outputs, self.last_ms, slow, self._cpu.take()))

    def place(self, epoch: OpenEpoch) -> Placed:
        """Give what was emitted since the last call its partitions, and return it: it is pending now.

        A failure is kept in the epoch.
        """
        try:
            return epoch.outbox.place(self._client.place)
        except EpochLost as error:
            epoch.fail(Failure(error))
            return {}

    def send_round(self, epoch: OpenEpoch) -> None:
        """Put what is pending into the transaction, which begins with it; see `Outbox.appended`.

        A failure is kept in the epoch; the transaction is then open until `abort`.
        """
        try:
            self._send(epoch)
        except (EpochLost, Unavailable) as error:
            epoch.fail(Failure(error if isinstance(error, EpochLost) else EpochLost(str(error))))
        except NeedsPerson:
            self.abort(epoch)
            raise

    def open_ms(self, epoch: OpenEpoch) -> int:
        """Return for how long the epoch's transaction has been open; 0 before it begins."""
        return self._clock.monotonic_ms() - self._began_ms if epoch.transaction is not TransactionState.NONE else 0

    def abort(self, epoch: OpenEpoch) -> None:
        """Abort the epoch's transaction, if it has begun."""
        if epoch.transaction is TransactionState.OPEN:
            self._client.abort()

    def _send(self, epoch: OpenEpoch) -> None:
        """Put what is pending into the transaction, and note where it stands in stages' sources."""
        if epoch.transaction is TransactionState.NONE:
            self._begin(epoch)
        self._client.produce(epoch.outbox.send())
        epoch.outbox.told(self._client.flush())

    def _begin(self, epoch: OpenEpoch) -> None:
        self._ends = self._changelog_ends()
        self._began_ms = self._clock.monotonic_ms()
        epoch.transaction = TransactionState.BEGINNING
        try:
            self._client.begin()
        except (Unavailable, EpochLost) as error:
            raise EpochLost(f"no transaction could begin: {error}") from error
        epoch.transaction = TransactionState.OPEN

    def _confirm(self, epoch: OpenEpoch) -> None:
        """Ask each stage that took records; one that refuses rests, and the epoch is redone without it."""
        lanes: dict[Stage, list[Lane]] = {}
        for lane in epoch.lanes:
            lanes.setdefault(lane.stage, []).append(lane)
        for stage, own in lanes.items():
            try:
                stage.confirm()
            except Unavailable as error:
                epoch.fail(Failure(error, tuple(own)))
                return

    def _changelog_ends(self) -> dict[Lane, int]:
        """Now and then look where the changelogs end before the transaction begins.

        If it then commits we were the owner at that moment, and everything below is in our state: state that is
        kept over a revoke is read on from there.
        """
        now = self._clock.monotonic_ms()
        late = [
            lane
            for lane in self._assignment.running
            if lane.store is not None and now - lane.complete_at_ms >= self._options.check_every_ms
        ]
        if not late:
            return {}
        try:
            bounds = self._client.log_bounds([lane.changelog for lane in late])
        except Unavailable:
            return {}
        return {lane: bounds[lane.changelog][1] for lane in late}

    def _complete(self) -> None:
        for lane, end in self._ends.items():
            lane.complete_to, lane.complete_at_ms = end, self._clock.monotonic_ms()


def _batches_of(epoch: OpenEpoch, lane: Lane) -> tuple[Batch, ...]:
    return tuple(batch for batch in epoch.batches if (batch.topic, batch.partition) in lane.sources)
