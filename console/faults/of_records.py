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
from console.faults.worker import HANGS, KILLS, POISON, WATCHDOG
from schemas.topics import RECEIVED, RECEIVED_BYTES_MAX
from streams.crash_file import CrashFile
from streams.faust_driver import PROCESSING_S
from streams.poison import KillsProcess

ROUNDS = 5
PACE_S = 1.0
SEND_LIMIT_S = 30.0
SEED = 4
MARKER = "poison"
FRAGILE = Needs(workers=1, settings={POISON: MARKER})
#: A watchdog that the harness shortens: still longer than anything that a busy machine does to a good epoch.
WATCHDOG_S = 10.0
FRAGILE_WATCHED = Needs(workers=1, settings={POISON: MARKER, WATCHDOG: f"{WATCHDOG_S:g}"})
#: Two deaths until records are taken one by one, and the one that tells which of them it is.
DEATHS = CrashFile.CRASHES_MAX + 1
#: From a death until the next life has come to the same records: 3 s on a quiet machine, 13 s on a very busy one.
COMES_BACK_LIMIT_S = 30.0


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


def found_limit_s(hangs_s: float) -> float:
    """Return within how many seconds a poison record must be set aside, when each death takes so long.

    145 s are usual for one that hangs under the product's own watchdog: three times 45 s and 3 s to come back. One
    death more may be needed: a life that first commits some of the records before it begins the count anew.
    """
    return (DEATHS + 1) * (hangs_s + COMES_BACK_LIMIT_S)


def _poisoned(trial: Trial, what: bytes, hangs_s: float = 0.0) -> str:
    """Send a record over which each life of the worker ends; wait until it is set aside and work has gone on."""
    way, does = trial.here.way, f"{what.decode().removeprefix('-')}s"
    lead = next(w1.leads(1, way.clock.now_ms(), seed=SEED))
    value = poison(way.codec, lead, f"{MARKER}{what.decode()}")
    starts = trial.restarts("w1")
    in_flight = trial.await_flight(f"a record that {does}")
    moment = trial.now()
    _send(trial, [Hostile("poison", b"k", value)])
    trial.wait(lambda: trial.watch.dead[KillsProcess.reason], found_limit_s(hangs_s), "the record was not set aside")
    deaths = trial.restarts("w1") - starts
    trial.recovered(f"a record that {does} the process", in_flight, moment)
    trial.until_ready()
    watched = f", each after {hangs_s:g} s" if hangs_s else ""
    return f"set aside as {KillsProcess.reason} after {deaths} deaths{watched}"


@fault(FRAGILE)
def record_that_kills(trial: Trial) -> str:
    """A record over which the process dies is found after three deaths and set aside; everything goes on."""
    return _poisoned(trial, KILLS)


@fault(FRAGILE_WATCHED, takes_s=75.0)
def record_that_hangs(trial: Trial) -> str:
    """One over which it hangs is found as well: the watchdog (here 10 s instead of 45 s) ends the process each time."""
    return _poisoned(trial, HANGS, WATCHDOG_S)


@fault(FRAGILE, rate=20.0, takes_s=200.0, whole=False)
def record_that_hangs_long(trial: Trial) -> str:
    """The same with the product's own watchdog of 45 s: three deaths and two and a half minutes, then all goes on."""
    return _poisoned(trial, HANGS, PROCESSING_S)
