"""Brokers die, freeze, and one of three is lost."""

from __future__ import annotations

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from console.faults.brokers import NODES
from console.faults.catalogue import fault
from console.faults.stand import Needs
from console.faults.trial import ASK_LIMIT_S, Trial

IN_SYNC_LIMIT_S = 40.0
FROZEN_S = 4.0
AWAY_S = 8.0


@fault()
def broker_killed(trial: Trial) -> str:
    """All that was acknowledged is there again; workers wait or restart, and go on by themselves."""
    trial.fault("kill -9 of the broker", trial.here.brokers[0].kill)
    trial.until_ready()
    return "killed in flight, restarted by its supervisor"


@fault()
def broker_frozen(trial: Trial) -> str:
    """A broker that answers nothing for 4 s: the epoch takes so long, or is redone under a new producer epoch."""
    broker = trial.here.brokers[0]
    in_flight = trial.await_flight("SIGSTOP of the broker")
    moment = trial.now()
    broker.suspend()
    try:
        trial.pause(FROZEN_S)
    finally:
        broker.resume()
    trial.recovered("SIGSTOP of the broker", in_flight, moment)
    trial.until_ready()
    return f"frozen for {FROZEN_S:.0f} s"


@fault(Needs(brokers=NODES), takes_s=120.0)
def one_broker_of_three(trial: Trial) -> str:
    """Replication 3, two in sync are enough: work goes on without the lost broker, and with it when it is back."""
    broker = trial.here.brokers[0]
    trial.fault("kill -9 of a broker", broker.kill)
    trial.pause(AWAY_S)
    broker.start()
    _wait_in_sync(trial)
    trial.until_ready()
    return f"one of {NODES} killed and away for {AWAY_S:.0f} s, work went on meanwhile; in sync again when it was back"


def _wait_in_sync(trial: Trial) -> None:
    """Wait until every partition has all of its replicas again."""
    admin = AdminClient(trial.here.way.address.client())
    trial.wait(lambda: _lagging(admin) == 0, IN_SYNC_LIMIT_S, "the replicas do not come into sync")


def _lagging(admin: AdminClient) -> int:
    """Return how many replicas are not in sync; a cluster that does not answer counts as one."""
    try:
        topics = admin.list_topics(timeout=ASK_LIMIT_S).topics.values()
    except KafkaException:
        return 1
    return sum(len(at.replicas) - len(at.isrs) for topic in topics for at in topic.partitions.values())
