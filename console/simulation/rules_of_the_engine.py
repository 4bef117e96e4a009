"""The rules of exactly-once epochs, each with a way to switch it off."""

from __future__ import annotations

from typing import Any

from agents.delivery.stage import Delivery
from agents.routing.stage import Routing
from console.simulation.switching_off import Switches
from schemas.topics import changelog_topic
from streams import assignment, outbox
from streams.assignment import Assignment
from streams.client import GroupMetadata
from streams.closing import Closer
from streams.epoch import OpenEpoch
from streams.following import Following
from streams.intake import Intake
from streams.lanes import KeptState
from streams.memory.broker import MemoryBroker
from streams.memory.client import MemoryClient
from streams.memory.group import MemoryGroup
from streams.stage import TopicPartition
from streams.stores import Store

_CHANGELOGS = tuple(map(changelog_topic, ("routing", "delivery", "settlement")))


def undo(switches: Switches) -> None:
    """An epoch that did not happen leaves its changes in the tables."""
    switches.set(Store, "undo", Store.keep)


def giving_back(switches: Switches) -> None:
    """The records of an undone epoch are gone."""
    switches.set(Intake, "give_back", lambda *_: None)


def forgetting(switches: Switches) -> None:
    """What stages keep in memory beside their tables outlives the epoch that was undone."""
    switches.set(Delivery, "forget", lambda *_: None)
    switches.set(Routing, "forget", lambda *_: None)


def generation_fence(switches: Switches) -> None:
    """The group takes offsets of any generation."""
    switches.set(MemoryGroup, "check_commit", lambda *_: None)


def metadata_at_poll(switches: Switches) -> None:
    """Membership is asked for when offsets are sent, and none at all is no obstacle: what Kafka then accepts."""

    def now(self: Any, offsets: Any, metadata: Any) -> None:
        self.on_step("send_offsets", "before")
        member = self._member
        known = member is not None and member.id in self._group.members
        late = GroupMetadata(self._group.generation, member.id) if known else GroupMetadata(-1, "")
        self._broker.add_offsets(self._name, self._epoch, self._group_name, offsets, late)
        self.on_step("send_offsets", "after")

    switches.set(MemoryClient, "send_offsets", now)


def offsets_always(switches: Switches) -> None:
    """A transaction that took no records carries no offsets, so nobody fences it."""
    send = MemoryClient.send_offsets

    def moved(self: OpenEpoch) -> dict[TopicPartition, int]:
        return {
            TopicPartition(b.topic, b.partition): b.messages[-1].offset + 1
            for b in (*self.taken, *self.handover.batches)
        }

    switches.set(OpenEpoch, "offsets", moved)
    switches.set(MemoryClient, "send_offsets", lambda self, offsets, of: send(self, offsets, of) if offsets else None)


def following(switches: Switches) -> None:
    """A record is handed over wherever it stands, and its offset is committed over whatever lies before it."""
    switches.set(Following, "follows", lambda *_: True)


def foretold(switches: Switches) -> None:
    """What was handed over before it was written is taken to stand where it was foretold to."""
    switches.set(outbox, "_check_foretold", lambda *_: None)


def positions(switches: Switches) -> None:
    """Changes are written, but not how far they go."""
    write = Closer._write_lane

    def without(self: Any, epoch: Any, lane: Any, offsets: Any) -> None:
        write(self, epoch, lane, {})

    switches.set(Closer, "_write_lane", without)


def changelog_with_offsets(switches: Switches) -> None:
    """Offsets are committed, but the tables' changes are not written."""
    write = Closer._write_lane

    def only_positions(self: Any, epoch: Any, lane: Any, offsets: Any) -> None:
        emitted = epoch.outbox.emitted
        before = len(emitted)
        write(self, epoch, lane, offsets)
        emitted[before:] = [out for out in emitted[before:] if out[2].startswith(b"\x00")]

    switches.set(Closer, "_write_lane", only_positions)


def uncommitted_changelog(switches: Switches) -> None:
    """A restore reads what is committed, and does not wait for what is being committed."""
    bounds = MemoryClient.log_bounds

    def stable(self: Any, partitions: Any) -> Any:
        return {
            partition: (
                start,
                min(end, self._broker.log(partition).last_stable) if partition.topic in _CHANGELOGS else end,
            )
            for partition, (start, end) in bounds(self, partitions).items()
        }

    switches.set(MemoryClient, "log_bounds", stable)


def stable_offsets(switches: Switches) -> None:
    """Committed offsets are taken as they are, although a transaction holds later ones that are pending."""

    def unstable(self: Any, group: str, partitions: Any) -> Any:
        self.expire()
        return {partition: self.group(group).offsets.get(partition) for partition in partitions}

    switches.set(MemoryBroker, "stable_offsets", unstable)


def kept_read_on(switches: Switches) -> None:
    """State that was kept over a revoke is taken as it is, whatever an owner in between has written."""
    restore = Assignment._restore

    def as_it_is(self: Any, lane: Any, start: int, end: int) -> None:
        if lane.kept is not None:
            lane.kept = KeptState(lane.kept.store, end, lane.kept.kept_at_ms)
        restore(self, lane, start, end)

    switches.set(Assignment, "_restore", as_it_is)


def position_check(switches: Switches) -> None:
    """Nobody compares the restored state with the committed offsets, and state kept over a revoke is not read on."""
    kept_read_on(switches)
    switches.set(assignment, "check_state", lambda *_: None)
