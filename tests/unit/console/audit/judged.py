"""How tests ask for a verdict: on records in an order, in any other one, and on clean ones."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable

from console.audit.auditor import Auditor
from console.audit.verdict import Verdict
from schemas.codec import Codec
from schemas.records import LeadClosed, LeadSold
from streams.stage import Message
from tests.unit.console.audit.world import World

CODEC = Codec()


def judged(messages: Iterable[Message]) -> Verdict:
    """Return the verdict on these records, taken in this order."""
    auditor = Auditor(CODEC)
    for message in messages:
        auditor.take(message)
    return auditor.end()


def assert_clean(world: World) -> None:
    """Assert that nothing is found in what a world left behind, and that all sums are those of its records."""
    verdict = judged(world.messages())
    assert verdict.findings == ()
    figures = verdict.figures
    assert figures.received == world.received + 1  # one record that cannot be read is set aside
    assert figures.dead == 1
    assert figures.repeats + sum(figures.rejected.values()) + figures.dead + figures.unique == figures.received
    assert figures.open == 0
    assert figures.tests > 0
    closed = [fact for fact in world.records("leads.closed", LeadClosed) if not fact.test]
    sold = [fact for fact in world.records("leads.sold", LeadSold) if not fact.test]
    assert (figures.closed - figures.tests, figures.sales) == (len(closed), len(sold))
    assert figures.revenue_minor == sum(fact.price_minor for fact in sold)
    assert figures.payout_minor == 1400 * sum(fact.sold > 0 for fact in closed)


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
