"""How long a lead takes from `produce()` of the received record until a read-committed consumer has it from the buyer.

Leads are paced. One process sends and receives, by one clock; the worker runs beside it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from console.bench import w1
from console.bench.stand import stand
from console.bench.throughput import BenchFailed
from console.producing import Outgoing, Sender
from console.reach import Reach
from schemas.identity import lead_id
from schemas.records import BuyerLead
from schemas.topics import RECEIVED

#: The first leads meet cold caches and connections; they are sent and not counted.
WARM_UP_S = 5.0
#: After the last lead is sent.
TAIL_S = 30.0
POLL_S = 0.02


@dataclass(frozen=True)
class Latency:
    """What one run measured, in ms; `sold` leads were counted of `sent` ones."""

    leads_per_s: int
    sent: int
    sold: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


def measure(rate: int, seconds: int) -> Latency:
    """Send `rate` leads a second for a while through one worker. Raises BenchFailed when too few arrive."""
    leads = int(rate * (seconds + WARM_UP_S))
    with stand(w1.plan_yaml(100 * leads)) as (cluster, way):
        cluster.start_workers(1)
        cluster.wait_ready()
        arrivals = Arrivals(way)
        with arrivals:
            sent = _send(way, leads, rate)
            _wait_quiet(arrivals)
    counted_from = min(sent.values()) + WARM_UP_S
    took = sorted(
        (arrived - sent[lead]) * 1000
        for lead, arrived in arrivals.at.items()
        if lead in sent and sent[lead] >= counted_from
    )
    if len(took) < rate * seconds // 2:
        raise BenchFailed(f"only {len(took)} of about {rate * seconds} leads arrived at a buyer")
    at = [round(_percentile(took, share), 1) for share in (0.50, 0.90, 0.99, 1.0)]
    return Latency(rate, leads, len(took), *at)


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _send(way: Reach, leads: int, rate: int) -> dict[str, float]:
    """Send at a steady pace; return when each lead was handed to the producer, by lead_id."""
    sender, pause = Sender(way.address, linger_ms=0), threading.Event()
    sent: dict[str, float] = {}
    began = time.monotonic()
    for number, lead in enumerate(w1.leads(leads, way.clock.now_ms())):
        value = way.codec.encode(lead)
        pause.wait(max(0.0, began + number / rate - time.monotonic()))
        name = lead_id(lead.supplier_id, lead.campaign_id, lead.supplier_lead_id, test=lead.test)
        sent[name] = time.monotonic()
        sender.send(Outgoing(RECEIVED, lead.supplier_lead_id, value))
    sender.flush()
    return sent


def _wait_quiet(arrivals: Arrivals) -> None:
    """Wait until nothing has arrived for two seconds; at most `TAIL_S`."""
    deadline, pause, before = time.monotonic() + TAIL_S, threading.Event(), -1
    while len(arrivals.at) != before and time.monotonic() < deadline:
        before = len(arrivals.at)
        pause.wait(2.0)


class Arrivals:
    """Notes when each lead comes out of its buyer's topic; the first sale of a lead counts."""

    def __init__(self, way: Reach) -> None:
        self._way = way
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="arrivals", daemon=True)
        self.at: dict[str, float] = {}

    def __enter__(self) -> Arrivals:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(10)

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
                now = time.monotonic()
                self.at.setdefault(codec.decode_as(message.value() or b"", BuyerLead).lead_id, now)
        consumer.close()
