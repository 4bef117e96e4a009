"""Every broker setting of the one-machine Kafka, each with its reason, and its log configuration.

Measured values: one node, KRaft, combined broker and controller, JDK 25, two cores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from console.cluster.ports import HOST

YEAR_MIN = 365 * 24 * 60


@dataclass(frozen=True, slots=True)
class Profile:
    """What differs between a broker that lives for minutes and one that stays."""

    session_timeout_ms: int
    heartbeat_ms: int
    jvm: tuple[str, ...]
    verifies: bool = True
    """Whether the coordinator is asked before a transaction writes to a partition; off in tests alone, to show why."""


BRIEF = Profile(
    # After kill -9 the controller refuses the broker until its old session ends: 2.6 s instead of 12 s.
    session_timeout_ms=1000,
    heartbeat_ms=250,
    # The first compiler only and one collector thread: starts sooner, 60 MB less, no slower at this size.
    jvm=("-Xms96m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
)
"""For tests and the demo."""

STEADY = Profile(
    # 1 s may fence a living broker on a starved machine, and this one stays for days.
    session_timeout_ms=2000,
    heartbeat_ms=500,
    jvm=("-Xms128m", "-Xmx256m", "-XX:+UseSerialGC"),
)
"""For `leadflow up`."""


@dataclass(frozen=True, slots=True)
class Node:
    """One broker: who it is, where it listens, where it writes."""

    node_id: int
    client_port: int
    controller_port: int
    voters: Mapping[int, int]
    """Controller ports of all nodes by node id, this one included."""
    log_dir: Path


def properties(node: Node, profile: Profile) -> str:
    """Return the text of `server.properties`."""
    return "".join(f"{name}={value}\n" for name, value in _settings(node, profile).items())


def _settings(node: Node, profile: Profile) -> dict[str, object]:
    return (
        _network(node)
        | _membership(profile)
        | _transactions(profile)
        | _internal_topics(len(node.voters))
        | _logs(node)
    )


def _network(node: Node) -> dict[str, object]:
    return {
        "process.roles": "broker,controller",
        "node.id": node.node_id,
        # Static voters: no port is written into the data, so a formatted folder can be copied and moved.
        "controller.quorum.voters": ",".join(f"{key}@{HOST}:{port}" for key, port in sorted(node.voters.items())),
        "controller.listener.names": "CONTROLLER",
        "listeners": f"CLIENT://{HOST}:{node.client_port},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": f"CLIENT://{HOST}:{node.client_port}",
        "inter.broker.listener.name": "CLIENT",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        # A handful of clients on two cores.
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
    }


def _membership(profile: Profile) -> dict[str, object]:
    return {
        "broker.session.timeout.ms": profile.session_timeout_ms,
        "broker.heartbeat.interval.ms": profile.heartbeat_ms,
        # Workers are few and start together; waiting for more of them costs 3 s at each first join.
        "group.initial.rebalance.delay.ms": 0,
        # Tests ask for take-over after 1 s; the product's own sessions are longer.
        "group.min.session.timeout.ms": 1000,
        "group.consumer.min.session.timeout.ms": 1000,
        "group.consumer.min.heartbeat.interval.ms": 200,
        "group.consumer.heartbeat.interval.ms": 1000,
        # A partition whose offsets are gone stops (design section 4), so a pause of months must not expire them.
        "offsets.retention.minutes": YEAR_MIN,
    }


def _transactions(profile: Profile) -> dict[str, object]:
    return {
        # After kill -9 a worker's open transaction ends at its timeout plus one round of this scan.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        # KIP-890: it keeps a request that comes late from getting into the next transaction, or from beginning one that
        # nobody ends (decision 0010).
        "transaction.partition.verification.enable": str(profile.verifies).lower(),
    }


def _internal_topics(nodes: int) -> dict[str, object]:
    copies = min(nodes, 3)
    return {
        # Topics are created with the partitions of the catalogue or not at all.
        "auto.create.topics.enable": "false",
        # Few partitions load faster: each is a log to open when the coordinator starts.
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": max(1, copies - 1),
        "share.coordinator.state.topic.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": max(1, copies - 1),
        "default.replication.factor": copies,
        "min.insync.replicas": max(1, copies - 1),
    }


def _logs(node: Node) -> dict[str, object]:
    return {
        "log.dirs": node.log_dir,
        # The default of 128 MiB would be half of the heap.
        "log.cleaner.dedupe.buffer.size": 16 << 20,
        "log.cleaner.threads": 1,
        "log.cleaner.backoff.ms": 5000,
        # Files are allocated lazily; the default of 10 MB an index shows up as size in every folder listing.
        "log.index.size.max.bytes": 2 << 20,
        "num.recovery.threads.per.data.dir": 2,
    }


LOG4J = """\
Configuration:
  status: error
  Appenders:
    RollingFile:
      name: file
      fileName: "${sys:leadflow.kafka.log}"
      filePattern: "${sys:leadflow.kafka.log}.%i"
      PatternLayout:
        pattern: "%d{yyyy-MM-dd'T'HH:mm:ss.SSS}{UTC}Z %-5p %c{1} %m%n"
      Policies:
        SizeBasedTriggeringPolicy:
          size: 10 MB
      DefaultRolloverStrategy:
        max: 3
  Loggers:
    Root:
      level: info
      AppenderRef:
        ref: file
    Logger:
      - name: org.apache.kafka.common.config
        level: error
      - name: kafka.server.KafkaConfig
        level: error
"""
"""Everything of the broker goes to one file of at most 40 MB in all; its property dumps are left out."""
