"""Dead letters as a person handles them: found, shown, and sent back to where they came from, once.

A retry writes two records together: the bytes as they were, to their topic; and a mark beside the dead letter, so
that it is not listed again. A letter of the buyers' inbox is never sent back: its right has ended already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from console.producing import Change, Outgoing
from console.reach import Reach
from schemas.errors import LeadflowError
from schemas.records import DeadLetter
from schemas.topics import OFFERS, dead_topic

#: Reason of the mark that a retry leaves; no other dead letter has it.
RETRIED = "RETRIED"
#: Letters sent back in one transaction.
TOGETHER_MAX = 500
_REF = re.compile(r"(?P<topic>[A-Za-z0-9._-]+\.dead)@(?P<offset>\d+)")


class NoLetter(LeadflowError):
    """There is no such dead letter, or it must not be sent back; the message says why."""


class Found(NamedTuple):
    """A dead letter, where it lies, and whether it was sent back."""

    topic: str
    offset: int
    letter: DeadLetter
    retried: bool

    @property
    def ref(self) -> str:
        """Return how it is named on the command line."""
        return f"{self.topic}@{self.offset}"


def find(way: Reach, topic: str = "") -> list[Found]:
    """Return all dead letters of a source topic ("": of all), oldest first by topic, with what became of them."""
    topics = [dead_topic(topic)] if topic else sorted(name for name in way.reader.topics() if name.endswith(".dead"))
    letters: list[tuple[str, int, DeadLetter]] = []
    retried: set[tuple[str, int, int]] = set()
    for message in way.reader.scan(*topics):
        record = way.codec.decode(message.value) if message.value else None
        if not isinstance(record, DeadLetter):
            continue
        if record.reason == RETRIED:
            retried.add((record.topic, record.partition, record.offset))
        else:
            letters.append((message.topic, message.offset, record))
    return [Found(name, at, each, (each.topic, each.partition, each.offset) in retried) for name, at, each in letters]


def one(way: Reach, ref: str) -> Found:
    """Return the dead letter that a reference names. Raises NoLetter."""
    match = _REF.fullmatch(ref)
    if not match:
        raise NoLetter(f"{ref!r} names no dead letter; `leadflow dead list` shows names such as leads.received.dead@12")
    found = [each for each in find(way, match["topic"].removesuffix(".dead")) if each.offset == int(match["offset"])]
    if not found:
        raise NoLetter(f"there is no dead letter {ref}; `leadflow dead list` shows those that are there")
    return found[0]


def refusal(found: Found) -> str:
    """Say why a letter may not be sent back; "" when it may."""
    if found.retried:
        return f"{found.ref} was sent back already"
    if found.letter.topic == OFFERS:
        return f"{found.ref}: its right has ended as ERROR; sending it back could sell the lead once too often"
    if found.letter.value is None:
        return f"{found.ref} holds no record"
    return ""


def send_back(way: Reach, letters: Sequence[Found]) -> int:
    """Send letters back to their topics and mark them, some hundred in one transaction; return how many.

    Raises:
        NoLetter: one of them may not be sent back; none is.
        NotTaken, Unsettled: as `Change.commit`; whole transactions before may have been taken.
    """
    reasons = [reason for each in letters if (reason := refusal(each))]
    if reasons:
        raise NoLetter("nothing was sent back\n" + "\n".join(f"  {reason}" for reason in reasons))
    for start in range(0, len(letters), TOGETHER_MAX):
        change = Change(way.address, "dead")
        change.commit(_records(way, letters[start : start + TOGETHER_MAX]))
    return len(letters)


def _records(way: Reach, letters: Iterable[Found]) -> list[Outgoing]:
    records = []
    for topic, _, letter, _ in letters:
        key = letter.key or b""
        records.append(Outgoing(letter.topic, key, letter.value or b"", tuple(letter.headers.items())))
        mark = DeadLetter(
            stage=letter.stage,
            topic=letter.topic,
            partition=letter.partition,
            offset=letter.offset,
            timestamp_at=letter.timestamp_at,
            reason=RETRIED,
            detail="",
            at=way.clock.now_ms(),
            key=letter.key,
            value=None,
            headers={},
        )
        records.append(Outgoing(topic, key, way.codec.encode(mark)))
    return records
