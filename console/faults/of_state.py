"""Offsets moved by hand, and the settling of what follows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka import TopicPartition as RawPartition
from confluent_kafka.admin import AdminClient

from console.faults.catalogue import fault
from console.faults.failure import FaultFailed
from console.faults.trial import ASK_LIMIT_S, GO_ON_LIMIT_S, Moment, Recovery, Trial
from schemas.topics import OFFERS, SCORED
from streams.stage import TopicPartition

EMPTY_LIMIT_S = 30.0
REPAIR_LIMIT_S = 60.0
#: How far back and ahead; ahead is within the log, or the worker would see it by the log's end.
MOVED_BY = {OFFERS: -5, SCORED: 5}


@fault()
def offsets_reset(trial: Trial) -> str:
    """A partition whose offset was moved stops and says so, the others go on; repaired, it goes on within seconds."""
    moved = {TopicPartition(topic, _liveliest(trial, topic)): by for topic, by in MOVED_BY.items()}
    in_flight = trial.await_flight("offsets are moved")
    _restart_with(trial, moved)
    trial.wait(lambda: len(_stopped(trial)) >= len(moved), GO_ON_LIMIT_S, "the partitions are not stopped")
    stopped = _stopped(trial)
    if any("leadflow repair" not in reason for reason in stopped.values()) or len(stopped) != len(moved):
        raise FaultFailed(f"stopped is {stopped}, not {sorted(moved)}")
    ended = trial.watch.ended
    trial.wait(lambda: trial.watch.ended > ended + in_flight, GO_ON_LIMIT_S, "the other partitions do not go on")
    _repair(trial)
    moment = trial.now()
    trial.wait(lambda: not trial.still(moved, moment), GO_ON_LIMIT_S, "settled partitions are not taken up")
    seconds = max(_first_move_s(trial, at, moment) for at in moved)
    trial.recoveries.append(Recovery(in_flight, round(seconds, 1)))
    trial.until_ready()
    return (
        f"{', '.join(sorted(stopped))} stopped and said why, the others went on; taken up {seconds:.1f} s "
        "after `leadflow repair` had ended"
    )


def _liveliest(trial: Trial, topic: str) -> int:
    """Return the partition of a topic that has moved most often. Raises FaultFailed when none has moved."""
    moves = {at.partition: len(found) for at, found in trial.watch.moves().items() if at.topic == topic}
    if not moves:
        raise FaultFailed(f"no partition of {topic} has moved yet")
    return max(moves, key=lambda number: moves[number])


def _restart_with(trial: Trial, moved: Mapping[TopicPartition, int]) -> None:
    """Stop all workers, move the offsets of their group as a person would, start them again."""
    cluster, names = trial.here.cluster, list(trial.here.cluster.workers)
    cluster.supervisor.stop(names)
    committed = trial.here.way.reader.committed(trial.here.way.group, list(moved))
    offsets = {at: (committed[at] or 0) + by for at, by in moved.items()}
    trial.wait(lambda: _alter(trial, offsets), EMPTY_LIMIT_S, "the offsets could not be moved")
    for name in names:
        cluster.supervisor.start(name)


def _alter(trial: Trial, offsets: Mapping[TopicPartition, int]) -> bool:
    """Set offsets as Kafka's own tool does; False while the group has members (a static one stays for its session)."""
    way = trial.here.way
    raw = [RawPartition(way.address.prefix + at.topic, at.partition, offset) for at, offset in offsets.items()]
    admin = AdminClient(way.address.client())
    asked = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(way.group, raw)])[way.group]
    try:
        return all(found.error is None for found in asked.result(ASK_LIMIT_S).topic_partitions)
    except KafkaException:
        return False


def _stopped(trial: Trial) -> dict[str, str]:
    """Return the partitions that workers say are stopped, with the reason."""
    found: dict[str, str] = {}
    for worker in trial.here.cluster.workers.values():
        stopped = worker.readiness().answer.get("stopped")
        if isinstance(stopped, Mapping):
            found.update({str(name): str(reason) for name, reason in stopped.items()})
    return found


def _repair(trial: Trial) -> None:
    """Call the command that a person would."""
    done = subprocess.run(
        [sys.executable, "-m", "console", "repair", "--yes"],
        env=trial.here.cluster.environment(),
        capture_output=True,
        text=True,
        timeout=REPAIR_LIMIT_S,
        check=False,
    )
    if done.returncode:
        raise FaultFailed(f"`leadflow repair` ended with {done.returncode}: {done.stdout}{done.stderr}")


def _first_move_s(trial: Trial, at: TopicPartition, moment: Moment) -> float:
    """Return the seconds from a moment to the partition's first move after it."""
    return next(move.seen_s - moment.at_s for move in trial.watch.moves()[at] if move.appended_ms > moment.at_ms)
