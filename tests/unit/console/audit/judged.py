"""How tests ask for a verdict: on records in an order, or in any other one."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable

from console.audit.auditor import Auditor
from console.audit.verdict import Verdict
from schemas.codec import Codec
from streams.stage import Message

CODEC = Codec()


def judged(messages: Iterable[Message]) -> Verdict:
    """Return the verdict on these records, taken in this order."""
    auditor = Auditor(CODEC)
    for message in messages:
        auditor.take(message)
    return auditor.end()


def shuffled(messages: Iterable[Message], seed: int) -> list[Message]:
    """Return the records in another order: each partition in its own, all of them against each other by chance."""
    lots: dict[tuple[str, int], list[Message]] = defaultdict(list)
    for message in messages:
        lots[message.topic, message.partition].append(message)
    draw = random.Random(seed)
    waiting = [list(reversed(lot)) for lot in lots.values()]
    found = []
    while waiting:
        lot = draw.choice(waiting)
        taken = min(len(lot), draw.choice((1, 5, 200)))
        found += [lot.pop() for _ in range(taken)]
        waiting = [each for each in waiting if each]
    return found
