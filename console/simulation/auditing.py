"""The auditor as a second judge: it takes every committed record of a run and shares no code with the first one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from console.audit.auditor import Auditor
from console.audit.slack import Slack
from console.simulation.broker import Broker
from console.simulation.process import CODEC
from schemas.topics import PAUSES, PLAN

#: A night may pass in the middle of an epoch, and while a worker's reading of news lags: what is appended was decided
#: the day before, and pauses go unheard all that time. Neither is judged; clocks that are ahead are.
SLACK: Final = Slack(epoch_ms=365 * 24 * 3_600_000, heard_ms=365 * 24 * 3_600_000)


def judge_by_topics(broker: Broker) -> Iterator[str]:
    """Yield what the auditor finds; plans and pauses are read first, as its command reads them."""
    auditor = Auditor(CODEC, slack=SLACK)
    topics = broker.counts()
    for topic in (PLAN, PAUSES, *(topic for topic in topics if topic not in (PLAN, PAUSES))):
        for message in broker.records(topic):
            yield from (f"audit: {finding}" for finding in auditor.take(message))
    told = auditor.end()
    yield from (f"audit: {finding}" for finding in told.findings)
