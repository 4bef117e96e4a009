"""Judges what only a simulation can see: tables against changelogs and sales, positions against offsets, statuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from console.simulation.broker import Broker
from console.simulation.evidence import Evidence
from console.simulation.judging_sales import WINDOWS, Books
from console.simulation.outside import BACK_MOST_MS
from console.simulation.process import CODEC, Process
from schemas.records import BuyerState, Count, Counters, Position, Record
from streams.lanes import Lane
from streams.positions import POSITION_TABLE, SEPARATOR
from tables.buyers import rules_of
from tables.caps import align, buyer_key, contract_key, roll
from tables.status import standing_of

_GROUP: Final = "leadflow"


def judge_memory(
    broker: Broker, processes: list[Process], evidence: Evidence, books: Mapping[str, Books]
) -> Iterator[str]:
    """Yield what must not be, in words."""
    tables: dict[str, dict[str, Any]] = {}
    for process in processes:
        for lane in process.engine._assignment.running:
            if lane.store is None:
                continue
            yield from _lane(broker, lane)
            for name, table in lane.store.tables.items():
                tables.setdefault(name, {}).update({key: table.get(key) for key in table.keys()})  # noqa: SIM118 - no mapping
    yield from (f"lead {key} is still open" for key in tables.get("open-leads", ()))
    yield from _counters(tables.get("caps", {}), books)
    yield from _routed(tables.get("routed", {}), evidence)
    now_ms = broker.now_ms()
    for state in tables.get("buyers", {}).values():
        later = _can_buy(state, tables["caps"], now_ms + BACK_MOST_MS)
        yield from _statuses(_can_buy(state, tables["caps"], now_ms) & later, state, evidence, now_ms)


def _lane(broker: Broker, lane: Lane) -> Iterator[str]:
    """Tables are what a new reader of the changelog gets, positions are the committed offsets, one behind the other."""
    rows: dict[bytes, bytes] = {}
    positions: dict[str, int] = {}
    log = broker.log(lane.changelog)
    for message in log.committed(0, log.end, log.end)[0]:
        table, _, key = (message.key or b"").partition(SEPARATOR)
        if not table and message.value is not None:
            position = CODEC.decode_as(message.value, Position)
            topic = key[len(POSITION_TABLE) :].decode()
            if position.from_offset != positions.get(topic, 0):
                yield f"{lane}: the positions in {topic} go from {positions.get(topic, 0)} to {position.from_offset}"
            positions[topic] = position.to_offset
        elif message.value is None:
            rows.pop(message.key or b"", None)
        else:
            rows[message.key or b""] = message.value
    offsets = broker.group(_GROUP).offsets
    for source in lane.sources:
        committed = offsets.get(source, 0)
        if not committed == positions.get(source.topic, 0) == lane.next[source]:
            yield f"{lane}: {source.topic} is committed at {committed}, noted at {positions.get(source.topic, 0)}"
    yield from _rows(lane, rows)


def _rows(lane: Lane, rows: Mapping[bytes, bytes]) -> Iterator[str]:
    tables = lane.store.tables if lane.store is not None else {}
    mine: dict[bytes, Record] = {
        name.encode() + SEPARATOR + key.encode(): table.get(key)
        for name, table in tables.items()
        for key in table.keys()  # noqa: SIM118 - no mapping
    }
    for key in sorted(mine.keys() | rows.keys()):
        there = rows.get(key)
        if mine.get(key) != (None if there is None else CODEC.decode(there)):
            yield f"{lane}: row {key!r} is not what its changelog says"


def _counters(caps: Mapping[str, Counters], books: Mapping[str, Books]) -> Iterator[str]:
    """I4: what is counted is what was sold, in each window that is kept."""
    used = {key: count for own in books.values() for key, count in own.used.items()}
    for holder, counters in caps.items():
        for window in WINDOWS:
            count: Count = getattr(counters, window)
            sold = used.get((holder, window, count.start_at), [0, 0])
            if [count.leads, count.spend_minor] != sold:
                yield f"{holder} has counted {count.leads}, {count.spend_minor} a {window}, and sold {sold}"
    yield from (f"{key[0]} has sold and counted nothing" for key in used if key[1] == "total" and key[0] not in caps)


def _routed(routed: Mapping[str, Any], evidence: Evidence) -> Iterator[str]:
    """Rule 2: every lead that was routed is remembered."""
    yield from (f"lead {end.lead_id} is not remembered as routed" for end in evidence.ends if end.lead_id not in routed)


def _can_buy(state: BuyerState, caps: Mapping[str, Any], now_ms: int) -> set[str]:
    """Return the contracts of a buyer that can buy at this time."""
    rules = rules_of(state)
    of_buyer = roll(caps.get(buyer_key(state.terms.buyer_id)), rules.calendar.at(now_ms), now_ms)
    counters = {key: align(caps.get(contract_key(key)), of_buyer) for key in rules.contracts}
    return {key for key in rules.contracts if standing_of(rules, key, counters[key], of_buyer, now_ms).open}


def _statuses(can_buy: set[str], state: BuyerState, evidence: Evidence, now_ms: int) -> Iterator[str]:
    """A contract that can buy, also if the clock had not gone back, is not said to be closed: it would get no lead."""
    for contract in state.terms.contracts:
        said = evidence.statuses.get(contract.contract_id)
        if said is None:
            yield f"nothing was ever said of contract {contract.contract_id}"
        elif contract.contract_id in can_buy and not said.open and not 0 <= said.closed_until <= now_ms:
            yield f"contract {contract.contract_id} can buy, and is said to be closed: {said.reason}"
