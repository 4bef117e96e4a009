"""How long a lead takes from `produce()` of the received record until a read-committed consumer has it from the buyer.

Leads are paced. One process sends and receives, by one clock; the worker runs beside it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final

from confluent_kafka import Consumer, TopicPartition
from msgspec.structs import replace

from console.bench import w1
from console.bench.failure import BenchFailed
from console.bench.machine import this_machine
from console.bench.probe import wait_joined
from console.bench.result import Figure, Result
from console.bench.stand import stand
from console.importing.pacing import Pace, waiting_at_intake
from console.producing import Outgoing, Sender
from console.reach import Reach
from console.work_left import left
from schemas.identity import lead_id
from schemas.records import BuyerLead, LeadReceived
from schemas.topics import RECEIVED

Values = Sequence[tuple[LeadReceived, bytes]]

#: A broker that has just started is two to four times as slow until Java has compiled what it runs; at 100 leads a
#: second that took half a minute. A burst and these seconds warm it up.
WARM_UP_LEADS = 10_000
WARM_UP_S = 30.0
IMPORT_LIMIT_S = 600.0
#: For all work to be done, after the warm-up and after the last lead.
DONE_LIMIT_S = 300.0
POLL_S = 0.02


#: p50 and p99 in ms, by leads a second.
GOALS: Final = {100: (25.0, 60.0), 1000: (35.0, 100.0)}
#: p99 in ms of live leads while a bulk is imported.
GOAL_DURING_IMPORT_MS: Final = 1000.0


def measure(rate: int, seconds: int, bulk: int = 0) -> Result:
    """Send `rate` leads a second for a while through one worker; `bulk` more leads are imported meanwhile.

    Broker and worker are warmed up by a burst and by the first seconds, which are not counted. Raises BenchFailed when
    too few arrive.
    """
    paced = int(rate * (seconds + WARM_UP_S))
    leads = w1.leads(WARM_UP_LEADS + paced + bulk, 0)
    with stand(w1.plan_yaml(100 * (WARM_UP_LEADS + paced + bulk))) as (cluster, way):
        cluster.start_workers(1)
        (worker,) = cluster.workers.values()
        wait_joined(worker)
        now_ms = way.clock.now_ms()
        values = [(lead, way.codec.encode(replace(lead, submitted_at=now_ms))) for lead in leads]
        with Arrivals(way) as arrivals:
            _import(way, values[:WARM_UP_LEADS])
            _wait_done(way)
            live, rest = values[WARM_UP_LEADS : WARM_UP_LEADS + paced], values[WARM_UP_LEADS + paced :]
            importing = threading.Thread(target=_import_after_warm_up, args=(way, rest), daemon=True)
            importing.start()
            sent = send_paced(way, live, rate)
            importing.join(IMPORT_LIMIT_S)
            _wait_done(way)
    took = sorted(arrivals.took_ms(sent, min(sent.values()) + WARM_UP_S))
    if len(took) < rate * seconds // 2:
        raise BenchFailed(f"only {len(took)} of about {rate * seconds} leads arrived at a buyer")
    during = f" while {bulk:,} others are imported" if bulk else ""
    work = f"W1, {rate} leads a second for {seconds} s{during}"
    return Result("latency", work, this_machine(), _figures(took, rate, bulk))


def _figures(took: list[float], rate: int, bulk: int) -> tuple[Figure, ...]:
    p50, p99 = (None, GOAL_DURING_IMPORT_MS) if bulk else GOALS.get(rate, (None, None))
    goals = {0.50: p50, 0.90: None, 0.99: p99}
    return (
        *(Figure(f"p{share:.0%}"[:-1], round(_percentile(took, share), 1), "ms", goals[share]) for share in goals),
        Figure("longest", round(took[-1], 1), "ms"),
        Figure("leads counted", len(took), ""),
    )


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def send_paced(way: Reach, leads: Values, rate: int) -> dict[str, float]:
    """Send at a steady pace; return when each lead was handed to the producer, by lead_id."""
    sender, pause = Sender(way.address, linger_ms=0), threading.Event()
    sent: dict[str, float] = {}
    began = time.monotonic()
    for number, (lead, value) in enumerate(leads):
        pause.wait(max(0.0, began + number / rate - time.monotonic()))
        name = lead_id(lead.supplier_id, lead.campaign_id, lead.supplier_lead_id, test=lead.test)
        sent[name] = time.monotonic()
        sender.send(Outgoing(RECEIVED, lead.supplier_lead_id, value))
        sender.poll()
    sender.flush()
    return sent


def _import(way: Reach, leads: Values) -> None:
    """Send at the pace of `leadflow import`."""
    sender, pace = Sender(way.address), Pace(lambda: waiting_at_intake(way))
    for lead, value in leads:
        sender.send(Outgoing(RECEIVED, lead.supplier_lead_id, value))
        pace.hold()
    sender.flush()


def _import_after_warm_up(way: Reach, leads: Values) -> None:
    if leads:
        threading.Event().wait(WARM_UP_S)
        _import(way, leads)


def _wait_done(way: Reach) -> None:
    """Wait until the workers have nothing left to do. Raises BenchFailed after `DONE_LIMIT_S`."""
    deadline, pause = time.monotonic() + DONE_LIMIT_S, threading.Event()
    while open_ := left(way.reader, way.group):
        if time.monotonic() > deadline:
            raise BenchFailed(f"{open_} records were not worked off within {DONE_LIMIT_S:.0f} s")
        pause.wait(0.5)


class Arrivals:
    """Notes when each lead comes out of its buyer's topic; the first sale of a lead counts."""

    def __init__(self, way: Reach) -> None:
        self._way = way
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="arrivals", daemon=True)
        self.at: dict[str, float] = {}
        #: When the last record of any lead arrived, monotonic.
        self.last = 0.0

    def __enter__(self) -> Arrivals:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(10)

    def took_ms(self, sent: Mapping[str, float], counted_from: float) -> list[float]:
        """Return how long each of these leads took that was sent later than `counted_from` and has arrived."""
        return [
            (arrived - sent[lead]) * 1000
            for lead, arrived in list(self.at.items())
            if lead in sent and sent[lead] >= counted_from
        ]

    def _run(self) -> None:
        address, codec = self._way.address, self._way.codec
        consumer = Consumer(
            address.client(
                **{
                    "group.id": "leadflow-bench",
                    "isolation.level": "read_committed",
                    "enable.auto.commit": False,
                    "auto.offset.reset": "earliest",
                    "fetch.wait.max.ms": 50,
                }
            )
        )
        buyers = [topic for topic in self._way.reader.topics() if topic.startswith("buyers.")]
        consumer.assign([TopicPartition(address.prefix + topic, 0, 0) for topic in buyers])
        while not self._stopped.is_set():
            message = consumer.poll(POLL_S)
            if message is not None and message.error() is None:
                now = self.last = time.monotonic()
                self.at.setdefault(codec.decode_as(message.value() or b"", BuyerLead).lead_id, now)
        consumer.close()
