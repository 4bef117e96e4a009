"""How a buyer stands: its caps in their current windows, its pauses, whether it is open, what it has not read yet.

Counts come from the owner's own memory (the changelog of delivery), which is compact and exact; nothing is added up
from sales.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from console.reach import Reach
from console.reading import SILENCE_S, Reader, Unreachable
from schemas.records import BuyerState, BuyerStatus, BuyerTerms, Cap, Counters
from schemas.topics import BUYER_STATUS, OFFERS, buyer_topic, changelog_topic
from streams.partitioning import partition_of
from streams.positions import table_key
from streams.stage import TopicPartition
from tables.caps import buyer_key, contract_key

#: Groups asked about their offsets; more than that are not one leadflow's.
GROUPS_MAX = 500
#: Unread records counted one by one; beyond, offsets are counted, which include marks of transactions.
COUNTED_MAX = 20_000


class Use(NamedTuple):
    """A cap and how much of it is used now; `contract_id` "" is the buyer's own. `resets_at` -1: never."""

    contract_id: str
    cap: Cap
    used: int
    resets_at: int

    @property
    def left(self) -> int:
        """What may still be bought in this window; never below 0, also when the cap was lowered."""
        return max(0, self.cap.limit - self.used)


class Unread(NamedTuple):
    """What a consumer group has not read of a buyer's topic; `oldest_ms` is the age of the oldest, -1 for none."""

    group: str
    records: int
    exact: bool
    oldest_ms: int


@dataclass(slots=True)
class Standing:
    """One buyer now. `terms` None: its owner has not been told of it yet, or it has never sold."""

    buyer_id: str
    terms: BuyerTerms | None = None
    pauses: dict[str, int] = field(default_factory=dict)
    counters: dict[str, Counters] = field(default_factory=dict)
    status: list[BuyerStatus] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)

    def uses(self, now_ms: int) -> list[Use]:
        """Return every cap of the buyer and its contracts, with what is used of it in the window of now."""
        if self.terms is None:
            return []
        found = [_use("", cap, self.counters.get(""), now_ms) for cap in self.terms.caps]
        for contract in self.terms.contracts:
            own = self.counters.get(contract.contract_id)
            found += [_use(contract.contract_id, cap, own, now_ms) for cap in contract.caps if not contract.retired]
        return found

    def paused(self, now_ms: int) -> dict[str, int]:
        """Return the pauses in force; the owner forgets one that is over only when it next has to do with the buyer."""
        return {whose: end for whose, end in self.pauses.items() if not 0 <= end <= now_ms}

    def sold_today(self, now_ms: int) -> tuple[int, int]:
        """Return the leads bought in the buyer's day so far, and what was spent, in minor units."""
        counters = self.counters.get("")
        if counters is None or counters.day.end_at <= now_ms:
            return 0, 0
        return counters.day.leads, counters.day.spend_minor


def _use(contract_id: str, cap: Cap, counters: Counters | None, now_ms: int) -> Use:
    if counters is None:
        return Use(contract_id, cap, 0, -1)
    count = getattr(counters, cap.window)
    if cap.window == "total":
        return Use(contract_id, cap, count.leads if cap.measure == "leads" else count.spend_minor, -1)
    if count.end_at <= now_ms:
        return Use(contract_id, cap, 0, -1)
    return Use(contract_id, cap, count.leads if cap.measure == "leads" else count.spend_minor, count.end_at)


def standings(way: Reach, buyer_ids: Iterable[str]) -> list[Standing]:
    """Return how these buyers stand, in the order given."""
    found = {buyer_id: Standing(buyer_id) for buyer_id in buyer_ids}
    _from_changelog(way, found)
    _from_status(way, found)
    _from_groups(way, found)
    return list(found.values())


def _from_changelog(way: Reach, found: dict[str, Standing]) -> None:
    """Read what the owners remember, from those partitions alone that hold these buyers."""
    topic = changelog_topic("delivery")
    count = way.reader.topics().get(OFFERS, 0)
    if not count:
        raise Unreachable(f"topic {OFFERS} is missing; `leadflow topics create` makes it")
    partitions = {TopicPartition(topic, partition_of(buyer_id.encode(), count)) for buyer_id in found}
    states = {table_key("buyers", buyer_id): standing for buyer_id, standing in found.items()}
    caps: dict[bytes, tuple[Standing, str]] = {}
    for buyer in way.plan().plan.buyers:
        if buyer.id in found:
            standing = found[buyer.id]
            caps[table_key("caps", buyer_key(buyer.id))] = (standing, "")
            caps |= {table_key("caps", contract_key(each.id)): (standing, each.id) for each in buyer.contracts}
    for message in way.reader.read(way.reader.bounds(partitions)):
        if message.key in states and message.value:
            state = way.codec.decode_as(message.value, BuyerState)
            states[message.key].terms, states[message.key].pauses = state.terms, dict(state.pauses)
        elif message.key in caps and message.value:
            standing, contract_id = caps[message.key]
            standing.counters[contract_id] = way.codec.decode_as(message.value, Counters)


def _from_status(way: Reach, found: dict[str, Standing]) -> None:
    """Read what the owners have announced of each contract last."""
    newest: dict[str, BuyerStatus] = {}
    for message in way.reader.scan(BUYER_STATUS):
        if message.value:
            status = way.codec.decode_as(message.value, BuyerStatus)
            newest[status.contract_id] = status
    for status in newest.values():
        if status.buyer_id in found:
            found[status.buyer_id].status.append(status)


def _from_groups(way: Reach, found: dict[str, Standing]) -> None:
    """Ask every consumer group how far it has read the buyers' topics."""
    partitions = {buyer_id: TopicPartition(buyer_topic(buyer_id), 0) for buyer_id in found}
    there = set(way.reader.partitions(*(at.topic for at in partitions.values())))
    partitions = {buyer_id: at for buyer_id, at in partitions.items() if at in there}
    bounds = way.reader.bounds(partitions.values())
    now_ms = way.clock.now_ms()
    for group in _groups(way):
        done = way.reader.committed(group, partitions.values())
        for buyer_id, at in partitions.items():
            offset = done[at]
            if offset is not None:
                start = max(offset, bounds[at].start)
                found[buyer_id].unread.append(_unread(way.reader, group, at, (start, bounds[at].end), now_ms))


def _groups(way: Reach) -> list[str]:
    admin = AdminClient(way.address.client())
    try:
        listed = admin.list_consumer_groups(request_timeout=SILENCE_S).result(SILENCE_S)
    except (KafkaException, TimeoutError):
        raise Unreachable(f"Kafka at {way.address.bootstrap} does not say which consumer groups there are") from None
    return sorted(each.group_id for each in listed.valid if each.group_id != way.group)[:GROUPS_MAX]


def _unread(reader: Reader, group: str, at: TopicPartition, open_: tuple[int, int], now_ms: int) -> Unread:
    start, end = open_
    counted = end - start <= COUNTED_MAX
    records, oldest = 0, -1
    for message in reader.read({at: (start, end if counted else min(end, start + COUNTED_MAX))}):
        oldest = now_ms - message.timestamp_ms if oldest < 0 else oldest
        records += 1
    return Unread(group, records if counted else end - start, counted, oldest)
