"""What repeats from lead to lead is known again: read once by its bytes, written once by its value. All bounded.

Lists of such records are written as one block with its size, which Avro allows so that readers can skip it. A reader
of ours thereby finds the list's end without reading it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from config.memo import Memo
from schemas import varints

Reader = Callable[[bytes, int], tuple[Any, int]]
Writer = Callable[..., bytes]

#: Records of which lists repeat: by rule, by contract and price, by reason and time of an epoch.
REPEATED = frozenset({"Points", "Candidate", "Step"})
#: Records that repeat where they stand alone: by terms and time of an epoch, by zone and day.
REPEATED_ALONE = frozenset({"Right", "Windows"})
#: Runs of fields that repeat together, by record: what a sale has of its candidate, its right and its hour.
RUNS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "LeadSold": (
        (
            *("buyer_id", "contract_id", "leg", "round", "index", "rights", "price_minor", "price_rule", "terms"),
            *("payout_minor", "payout_owed", "currency", "test"),
        ),
        ("sold_at", "time_zone", "windows"),
    ),
    "LeadClosed": (
        ("campaign_id", "supplier_id", "test", "sold", "rights", "revenue_minor", "payout_minor", "currency", "reason"),
    ),
}
#: How many of them are remembered, and lists of at most how many bytes.
REMEMBERED_MAX = 4096
REMEMBERED_BYTES_MAX = 1024

#: Texts of few values: ids and words of the plan, codes of closed lists.
FEW_VALUES = frozenset(
    {
        *("campaign_id", "supplier_id", "buyer_id", "contract_id", "price_rule", "terms", "currency", "time_zone"),
        *("payout_owed", "grade", "rule", "reason", "code", "stage", "scope", "measure", "window", "state"),
    }
)
#: Maps of texts whose entries are few: fields of campaigns, each with its values.
FEW_ENTRIES = frozenset({"attributes", "fields"})
#: Maps that are written again as the very object that they were, in another record: a slip's, in the fact of its sale.
SHARED_ENTRIES = frozenset({"attributes"})
#: Longer ones are none.
TEXT_CHARACTERS_MAX = 100
#: Two texts of at most 63 characters, each behind its length.
PAIR_CHARACTERS_MAX = 128
#: Lists that are shared are so by the leads of an epoch: of those that are not, few are kept.
SHARED_LISTS_MAX = 64


def list_reader(read_item: Reader) -> Reader:
    """Return `read(bytes, position) -> (tuple of items, position after)` that knows lists of the same bytes again."""
    known: dict[bytes, tuple[Any, ...]] = {}

    def read(value: bytes, position: int) -> tuple[tuple[Any, ...], int]:
        if not value[position]:
            return (), position + 1
        end = sized_end(value, position)
        written = value[position:end] if 0 < end <= position + REMEMBERED_BYTES_MAX else b""
        items = known.get(written)
        if items is not None:
            return items, end
        items, after = _read_list(value, position, read_item)
        if after == end and written:
            if len(known) >= REMEMBERED_MAX:
                known.clear()
            known[written] = items
        return items, after

    return read


def sized_end(value: bytes, position: int) -> int:
    """Return where the list at `position` ends if it is one block with its size, as ours are; 0: read it to know."""
    count = value[position]
    if not count & 1 or count > 127:
        return 0
    size, start = varints.read_length(value, position + 1)
    end = start + size
    return end + 1 if end < len(value) and not value[end] else 0


def remembered(write: Writer) -> Memo[Any, bytes]:
    """Return the bytes of records by their values: `remembered(write)[record]`, written at the first time."""
    return Memo(write, REMEMBERED_MAX)


def list_writer(write_item: Writer) -> Callable[[Sequence[Any]], bytes]:
    """Return what writes a list as one block with its size, and remembers the bytes of items, and of shared tuples.

    The trace of all leads that met the same closed contracts in an epoch is one tuple: it is known by its identity,
    which is its own as long as it is kept here.
    """
    bytes_of = remembered(write_item).__getitem__
    known: dict[int, tuple[Sequence[Any], bytes]] = {}

    def written(items: Sequence[Any]) -> bytes:
        if not items:
            return b"\0"
        met = known.get(id(items))
        if met is not None and met[0] is items:
            return met[1]
        block = b"".join(map(bytes_of, items))
        value = b"".join((varints.write_count(len(items)), varints.write_length(len(block)), block, b"\0"))
        if type(items) is tuple:
            if len(known) >= SHARED_LISTS_MAX:
                known.clear()
            known[id(items)] = items, value
        return value

    return written


def items_writer(write_item: Writer) -> Callable[[Sequence[Any]], bytes]:
    """Return what writes an array as one block without its size."""

    def written(items: Sequence[Any]) -> bytes:
        if not items:
            return b"\0"
        return b"".join((varints.write_length(len(items)), *map(write_item, items), b"\0"))

    return written


def shared_writer(write: Callable[[Mapping[str, str]], bytes]) -> Callable[[Mapping[str, str]], bytes]:
    """Return what writes a map and knows it again by its identity, which is its own as long as it is kept here.

    A map in a record is never changed: what is written first is what it says for ever.
    """
    known: dict[int, tuple[Mapping[str, str], bytes]] = {}

    def written(entries: Mapping[str, str]) -> bytes:
        met = known.get(id(entries))
        if met is not None and met[0] is entries:
            return met[1]
        value = write(entries)
        if len(known) >= REMEMBERED_MAX:
            known.clear()
        known[id(entries)] = entries, value
        return value

    return written


def named_writer(write_item: Writer) -> Callable[[Mapping[str, Any]], bytes]:
    """Return what writes a map whose keys are texts of few values and whose values do not repeat, as one block."""
    texts = RememberedTexts()

    def written(entries: Mapping[str, Any]) -> bytes:
        if not entries:
            return b"\0"
        pieces = [piece for key, value in entries.items() for piece in (texts[key], write_item(value))]
        return b"".join((varints.write_length(len(entries)), *pieces, b"\0"))

    return written


def _read_list(value: bytes, position: int, read_item: Reader) -> tuple[tuple[Any, ...], int]:
    items = []
    count, position = varints.read_block(value, position)
    while count:
        for _ in range(count):
            item, position = read_item(value, position)
            items.append(item)
        count, position = varints.read_block(value, position)
    return tuple(items), position


class RememberedTexts(dict[str, bytes]):
    """The bytes of texts, length first. Bounded; unlike a `Memo` it keeps the short ones only."""

    def __missing__(self, text: str) -> bytes:
        encoded = text.encode()
        written = varints.write_length(len(encoded)) + encoded
        if len(text) <= TEXT_CHARACTERS_MAX:
            if len(self) >= REMEMBERED_MAX:
                self.clear()
            self[text] = written
        return written


class RememberedEntries(dict[tuple[str, str], bytes]):
    """The bytes of a map's entries, by key and value. Bounded; unlike a `Memo` it keeps the short ones only."""

    def __missing__(self, entry: tuple[str, str]) -> bytes:
        written = entry_bytes(entry)
        if len(written) <= TEXT_CHARACTERS_MAX:
            if len(self) >= REMEMBERED_MAX:
                self.clear()
            self[entry] = written
        return written


def remembered_pairs() -> Memo[str, tuple[str, str]]:
    """Return the keys and values of a map's entries by their bytes, taken as text; see `_pair` for what it raises."""
    return Memo(_pair, REMEMBERED_MAX)


def _pair(written: str) -> tuple[str, str]:
    """Return key and value of an entry where both are short, and their lengths one byte.

    Raises IndexError for anything longer, which is no such entry and must not be kept.
    """
    if len(written) > PAIR_CHARACTERS_MAX:
        raise IndexError("more than a short key and a short value")
    end = 1 + (ord(written[0]) >> 1)
    return written[1:end], written[end + 1 :]


def entry_bytes(entry: tuple[str, str]) -> bytes:
    """Return the bytes of a map's entry."""
    key, value = entry[0].encode(), entry[1].encode()
    return b"".join((varints.write_length(len(key)), key, varints.write_length(len(value)), value))


def entries_writer(bytes_of: Callable[[tuple[str, str]], bytes]) -> Callable[[Mapping[str, str]], bytes]:
    """Return what writes a map of texts as one block, from the bytes of its entries."""

    def written(entries: Mapping[str, str]) -> bytes:
        if not entries:
            return b"\0"
        return b"".join((varints.write_length(len(entries)), *map(bytes_of, entries.items()), b"\0"))

    return written
