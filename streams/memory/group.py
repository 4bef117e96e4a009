"""A consumer group's coordinator in memory: members, generations, who owns what, and which commits it takes.

Two protocols, both with range assignment: "eager" is classic Kafka (everybody gives up everything, a new generation
is shared out when all have joined again), "incremental" is KIP-848 (only what moves is given up, a partition is
handed over when its owner has let it go, one at a time, so that co-partitioned topics arrive apart).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from schemas.errors import EpochLost
from streams.stage import TopicPartition


@dataclass(eq=False)
class Member:
    """A member as the coordinator knows it; `alive` is asked for its heartbeats."""

    id: str
    topics: frozenset[str]
    alive: Callable[[], bool]
    instance: str | None
    seen_ms: int
    generation: int = -1
    joined: bool = True
    owned: set[TopicPartition] = field(default_factory=set)
    target: set[TopicPartition] = field(default_factory=set)


class MemoryGroup:
    """One group. Time is handed in."""

    def __init__(self, protocol: str, session_ms: int, rebalance_ms: int) -> None:
        if protocol not in ("eager", "incremental"):
            raise ValueError(f"protocol must be eager or incremental, not {protocol!r}")
        self.protocol = protocol
        self.generation = 0
        self.rebalancing = False
        self.offsets: dict[TopicPartition, int] = {}
        self.members: dict[str, Member] = {}
        self._session_ms = session_ms
        self._rebalance_ms = rebalance_ms
        self._began_ms = 0
        self._next_id = 0

    # --- membership -------------------------------------------------------------------------------------------

    def join(
        self,
        topics: Iterable[str],
        alive: Callable[[], bool],
        instance: str | None,
        now_ms: int,
        counts: dict[str, int],
    ) -> Member:
        """Take in a member. A static one that is known by its instance takes its place without a rebalance."""
        self._next_id += 1
        member = Member(f"member-{self._next_id}", frozenset(topics), alive, instance, now_ms)
        before = next((m for m in self.members.values() if instance is not None and m.instance == instance), None)
        if before is not None:
            del self.members[before.id]
            member.owned, member.target, member.joined = set(), before.target, before.joined
            member.generation = -1
            self.members[member.id] = member
            return member
        self.members[member.id] = member
        self._rebalance(now_ms, counts)
        return member

    def leave(self, member_id: str, now_ms: int, counts: dict[str, int]) -> None:
        """A member goes; its partitions are shared out anew. Unknown ones are ignored."""
        if self.members.pop(member_id, None) is not None:
            self._rebalance(now_ms, counts)

    def expire(self, now_ms: int, counts: dict[str, int]) -> None:
        """Take heartbeats, drop members whose session ended, or who let a rebalance wait too long."""
        late = self.rebalancing and now_ms - self._began_ms >= self._rebalance_ms
        for member in list(self.members.values()):
            if member.alive():
                member.seen_ms = now_ms
            if now_ms - member.seen_ms >= self._session_ms or (late and not member.joined):
                self.leave(member.id, now_ms, counts)
        self._complete(counts)

    def rejoin(self, member: Member, counts: dict[str, int]) -> None:
        """An eager member has given up everything and joins the rebalance."""
        member.joined = True
        member.owned.clear()
        self._complete(counts)

    def _rebalance(self, now_ms: int, counts: dict[str, int]) -> None:
        if self.protocol == "incremental":
            self.generation += 1
            self._share_out(counts)
            return
        if not self.rebalancing:
            self.rebalancing, self._began_ms = True, now_ms
            for member in self.members.values():
                member.joined = not member.owned and member.generation == -1
        self._complete(counts)

    def _complete(self, counts: dict[str, int]) -> None:
        if self.rebalancing and all(member.joined for member in self.members.values()):
            self.rebalancing = False
            self.generation += 1
            self._share_out(counts)

    def _share_out(self, counts: dict[str, int]) -> None:
        """Range: of each topic, each subscribed member (in order of id) gets a run of partitions."""
        for member in self.members.values():
            member.target = set()
        for topic in sorted({topic for member in self.members.values() for topic in member.topics}):
            takers = [m for _, m in sorted(self.members.items()) if topic in m.topics]
            each, more = divmod(counts.get(topic, 0), len(takers))
            at = 0
            for index, member in enumerate(takers):
                size = each + (index < more)
                member.target.update(TopicPartition(topic, number) for number in range(at, at + size))
                at += size

    # --- ownership, as a member's poll moves it on ----------------------------------------------------------------

    def to_revoke(self, member: Member) -> list[TopicPartition]:
        """Return what an incremental member must give up now."""
        return sorted(member.owned - member.target)

    def to_assign(self, member: Member) -> list[TopicPartition]:
        """Return what the member gets now and take note: all of it (eager), or the next free one (incremental)."""
        missing = sorted(member.target - member.owned)
        if self.protocol == "incremental":
            taken = {p for other in self.members.values() if other is not member for p in other.owned}
            missing = [partition for partition in missing if partition not in taken][:1]
        member.owned.update(missing)
        member.generation = self.generation
        return missing

    # --- offsets ---------------------------------------------------------------------------------------------------

    def check_commit(self, generation: int, member_id: str, partitions: Iterable[TopicPartition]) -> None:
        """Refuse a transactional commit as the real broker does; see `tests/contract/test_transactions.py`.

        No membership at all is accepted: that hole is Kafka's, and the client's to close.
        """
        if generation < 0 and not member_id:
            return
        member = self.members.get(member_id)
        if member is None:
            raise EpochLost("send_offsets: UNKNOWN_MEMBER_ID")
        if generation == self.generation:
            return
        own = self.protocol == "incremental" and generation <= self.generation
        if not own or not member.owned.issuperset(partitions):
            raise EpochLost("send_offsets: ILLEGAL_GENERATION")
