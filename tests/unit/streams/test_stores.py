"""A partition's tables: undo is exact, changes are minimal, values from the changelog are decoded once and late."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from schemas.codec import Codec
from schemas.records import Credit, Position, Record
from streams.positions import position_key, table_key
from streams.stores import Store

CODEC = Codec()
KEYS = ("a", "b", "c")


def store() -> Store:
    return Store({"counts": Credit, "more": Credit}, CODEC.decode)


def steps(seed: int) -> Iterator[tuple[str, str, float]]:
    """Yield what is done, to which key, with which value; few values, so that some are written again."""
    draw = random.Random(seed)
    for _ in range(40):
        yield draw.choice(("put", "delete", "get", "keep", "undo")), draw.choice(KEYS), float(draw.randint(0, 3))


@pytest.mark.parametrize("seed", range(40))
def test_behaves_as_a_dict_with_snapshots(seed: int) -> None:
    table = store().tables["counts"]
    now: dict[str, Credit] = {}
    before: dict[str, Credit] = {}
    for what, key, credit in steps(seed):
        if what == "put":
            now[key] = Credit(credit)
            table.put(key, now[key])
        elif what == "delete":
            now.pop(key, None)
            table.delete(key)
        elif what == "keep":
            before = dict(now)
            table.keep()
        elif what == "undo":
            now = dict(before)
            table.undo()
        assert {key: table.get(key) for key in table.keys()} == now  # noqa: SIM118  a Table is no mapping
        assert len(table) == len(now)


@pytest.mark.parametrize("seed", range(40))
def test_changes_carry_a_copy_of_the_table_along(seed: int) -> None:
    """What a restore makes of the changes is the table, and no key is written twice an epoch."""
    table = store().tables["counts"]
    copy: dict[str, Record] = {}
    for what, key, credit in steps(seed):
        if what == "put":
            table.put(key, Credit(credit))
        elif what == "delete":
            table.delete(key)
        elif what == "undo":
            table.undo()
        elif what == "keep":
            changes = list(table.changes())
            assert len({key for key, _ in changes}) == len(changes)
            for changed, value in changes:
                if value is None:
                    del copy[changed]
                else:
                    copy[changed] = value
            table.keep()
            assert copy == {key: table.get(key) for key in table.keys()}  # noqa: SIM118  a Table is no mapping


def test_nothing_changed_is_nothing_written() -> None:
    table = store().tables["counts"]
    table.put("a", Credit(1))
    table.delete("a")
    assert list(table.changes()) == []
    table.delete("absent")
    assert list(table.changes()) == []


def test_values_are_decoded_when_first_asked_for_and_once() -> None:
    decoded: list[bytes] = []

    def decode(value: bytes) -> Record:
        decoded.append(value)
        return CODEC.decode(value)

    own = Store({"counts": Credit}, decode)
    for number in range(3):
        own.load([(table_key("counts", f"k{number}"), CODEC.encode(Credit(number)))])
    assert decoded == []
    assert own.tables["counts"].get("k1") == Credit(1)
    assert own.tables["counts"].get("k1") == Credit(1)
    assert len(decoded) == 1
    assert own.entries() == 3


def test_undo_brings_back_a_value_that_was_never_decoded() -> None:
    own = store()
    own.load([(table_key("counts", "k"), CODEC.encode(Credit(5)))])
    table = own.tables["counts"]
    table.put("k", Credit(6))
    own.undo()
    assert table.get("k") == Credit(5)


def test_loading_replaces_removes_and_keeps_tables_apart() -> None:
    own = store()
    own.load([(table_key("counts", "k"), CODEC.encode(Credit(1)))])
    own.load([(table_key("more", "k"), CODEC.encode(Credit(2)))])
    own.load([(table_key("counts", "k"), CODEC.encode(Credit(3)))])
    own.load([(table_key("more", "k"), None)])
    assert own.tables["counts"].get("k") == Credit(3)
    assert own.tables["more"].get("k") is None


def test_keys_may_contain_anything_the_separator_included() -> None:
    own = store()
    own.load([(table_key("counts", "a\x00b/é"), CODEC.encode(Credit(1)))])
    assert list(own.tables["counts"].keys()) == ["a\x00b/é"]


def test_positions_lie_beside_the_tables() -> None:
    own = store()
    value = CODEC.encode(Position("leads.scored", 3, 7, 0))
    own.load([(position_key("leads.scored"), value)])
    assert own.positions == {"leads.scored": value}
    assert own.entries() == 0


def test_a_table_holds_its_own_type_only() -> None:
    with pytest.raises(TypeError, match="table counts holds Credit, not Position"):
        store().tables["counts"].put("k", Position("a", 0, 0, 0))


def test_keys_are_a_snapshot() -> None:
    table = store().tables["counts"]
    table.put("a", Credit(1))
    for key in table.keys():  # noqa: SIM118  a Table is no mapping
        table.put(key + "+", Credit(1))
    assert sorted(table.keys()) == ["a", "a+"]
