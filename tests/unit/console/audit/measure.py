"""How fast the auditor judges W1, whose topics are made in memory: `python -m tests.unit.console.audit.measure 5000`.

The loop beside it is the machine's own speed at that moment: a quiet core of the machine that the figures of
docs/audit.md come from takes 42 to 51 ms for it, with the Python of the distribution.
"""

from __future__ import annotations

import logging
import sys
import time

from config.garbage import collect_rarely
from console.audit.auditor import Auditor
from console.audit.scope import audited
from console.bench import w1
from schemas.topics import RECEIVED
from streams.stage import Message
from tests.support.plans import plan_of
from tests.unit.console.audit.world import CODEC, World

#: Wednesday noon in Kansas, when all buyers of W1 are open.
NOON_MS = 1_780_506_000_000
ROUNDS = 3


def topics(leads: int) -> list[Message]:
    """Return what one worker makes of W1, in the order of the broker's time."""
    world = World(1, workers=1)
    world.clock.jump(NOON_MS)
    world.apply(plan_of(w1.plan_yaml(leads)))
    for number, lead in enumerate(w1.leads(leads, world.clock.now_ms())):
        world.broker.send(RECEIVED, CODEC.encode(lead), b"", number % 3)
        world.received += 1
    world.settle_quietly()
    return world.messages()


def loop_ms() -> float:
    """Return the CPU milliseconds of a loop that does nothing but count."""
    began = time.process_time()
    sum(number * number for number in range(1_000_000))
    return (time.process_time() - began) * 1000


def main() -> None:
    """Print CPU a lead, three times."""
    leads = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    logging.disable(logging.ERROR)
    messages = [message for message in topics(leads) if audited(message.topic)]
    collect_rarely()  # as the command does
    for _ in range(ROUNDS):
        before, auditor, began = loop_ms(), Auditor(CODEC), time.process_time()
        for message in messages:
            auditor.take(message)
        verdict = auditor.end()
        took_s = time.process_time() - began
        print(  # noqa: T201 - the figures are what a person runs it for
            f"{leads:,} leads, {verdict.figures.records:,} records in {took_s:.2f} s of CPU: "
            f"{took_s / leads * 1e6:.0f} us a lead, {leads / took_s:,.0f} leads/s; "
            f"loops {before:.0f} and {loop_ms():.0f} ms; {verdict}"
        )


if __name__ == "__main__":
    main()
