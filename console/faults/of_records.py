"""Records of strangers: every wrong kind of bytes, and records that kill or hang the process."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import KafkaError, Producer

from console.bench import w1
from console.faults.catalogue import fault
from console.faults.failure import FaultFailed
from console.faults.hostile import Hostile, hostile_records, poison
from console.faults.stand import Needs
from console.faults.trial import Trial
from console.faults.worker import HANGS, KILLS, POISON
from schemas.topics import RECEIVED, RECEIVED_BYTES_MAX
from streams.poison import KillsProcess

ROUNDS = 5
PACE_S = 1.0
SEND_LIMIT_S = 30.0
SEED = 4
MARKER = "poison"
FRAGILE = Needs(workers=1, settings={POISON: MARKER})
FOUND_LIMIT_S = 200.0


def _send(trial: Trial, records: Iterable[Hostile]) -> None:
    """Write records to `leads.received` as a stranger does, whatever they are; they count as sent."""
    address = trial.here.way.address
    producer = Producer(address.client(**{"message.max.bytes": 2 * RECEIVED_BYTES_MAX}))
    refused: list[KafkaError] = []
    for record in records:
        producer.produce(
            address.prefix + RECEIVED,
            record.value,
            record.key,
            headers=list(record.headers),
            on_delivery=lambda error, _: refused.append(error) if error is not None else None,
        )
        trial.others += 1
    if producer.flush(SEND_LIMIT_S) or refused:
        raise FaultFailed(f"Kafka did not take what was to be hostile: {refused[:1]}")


@fault()
def hostile_bytes(trial: Trial) -> str:
    """Each such record is refused or set aside with its bytes, alone; the leads around it are sold as ever."""
    way = trial.here.way
    pids = [worker.pid for worker in trial.here.cluster.workers.values()]

    def inject() -> None:
        for number in range(ROUNDS):
            _send(trial, hostile_records(way.codec, way.clock.now_ms(), SEED + number))
            trial.pause(PACE_S)  # not so many in a row that the limits of dead letters stop a partition

    trial.fault("hostile records", inject)
    trial.drain()
    if pids != [worker.pid for worker in trial.here.cluster.workers.values()]:
        raise FaultFailed("a worker ended over hostile bytes")
    dead = trial.watch.dead
    words = ", ".join(f"{number} {reason}" for reason, number in sorted(dead.items()))
    return (
        f"{trial.others} records of {trial.others // ROUNDS} kinds: {trial.others - dead.total()} refused, "
        f"set aside {words}; no worker ended"
    )


def _poisoned(trial: Trial, what: bytes) -> str:
    way = trial.here.way
    lead = next(w1.leads(1, way.clock.now_ms(), seed=SEED))
    value = poison(way.codec, lead, f"{MARKER}{what.decode()}")
    starts = trial.restarts("w1")
    in_flight = trial.await_flight(f"a record that {what.decode()[1:]}s")
    moment = trial.now()
    _send(trial, [Hostile("poison", b"k", value)])
    trial.wait(lambda: trial.watch.dead[KillsProcess.reason], FOUND_LIMIT_S, "the record was not found")
    trial.recovered(f"a record that {what.decode()[1:]}s the process", in_flight, moment)
    trial.until_ready()
    return f"set aside as {KillsProcess.reason} after {trial.restarts('w1') - starts} deaths"


@fault(FRAGILE)
def record_that_kills(trial: Trial) -> str:
    """A record over which the process dies is found after three deaths and set aside; everything goes on."""
    return _poisoned(trial, KILLS)


@fault(FRAGILE, rate=20.0, whole=False)
def record_that_hangs(trial: Trial) -> str:
    """A record over which the process hangs is found as well: the watchdog ends the process each time (45 s)."""
    return _poisoned(trial, HANGS)
