"""Every option of our Kafka clients, each with its reason; nothing else in leadflow sets one.

The names are librdkafka's, which reads; the producer is our own (`streams.kafka.producer`). What protects exactness is
checked when the object is made (`KafkaSettings`): values that its proofs do not cover are refused, not warned about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config import security_problems

Options = dict[str, str | int | float | bool]

DEFAULT_PORT = 9092

DEADLINE_MS = 8000
"""From flush to the end of commit or abort; beyond it the outcome is unknown and the process ends."""

TRANSACTION_TIMEOUT_MS = 10_000
"""How long a dead worker's open transaction holds up read-committed readers, restore among them."""

SOCKET_TIMEOUT_MS = 10_000
"""How long librdkafka, which reads, waits for an answer."""

IDLE_MS = 5 * 60 * 1000
"""Brokers close idle connections at ten minutes; the producer makes one anew that idled for longer than this."""

RECORD_BYTES_MAX = 8 * 1024 * 1024
"""What the client may send at all; topics allow less (see `KafkaSettings.record_bytes_max`)."""


class KafkaSettingsProblem(ValueError):
    """These settings must not be used. The message has all that is wrong with them, and no secret."""

    exit_code = 78


@dataclass(frozen=True)
class KafkaSettings:
    """How one worker reaches its cluster.

    `name` is the stable slot: group member and transactional id are `group-name`, prefix first. `security` holds
    librdkafka options for TLS and SASL, which the producer's own connection honours as well
    (`config/security_problems.py`); its values are never shown.
    `record_bytes_max` is the limit by topic (name without prefix) where it differs from `default_record_bytes`.
    `static` false makes a member that leaves at once when closed, and whose place nobody can take over.
    """

    bootstrap: str
    group: str = "leadflow"
    name: str = "w1"
    prefix: str = ""
    session_timeout_ms: int = 6000
    heartbeat_ms: int = 600
    static: bool = True
    deadline_ms: int = DEADLINE_MS
    socket_timeout_ms: int = SOCKET_TIMEOUT_MS
    transaction_timeout_ms: int = TRANSACTION_TIMEOUT_MS
    idle_ms: int = IDLE_MS
    default_record_bytes: int = 1_000_000
    record_bytes_max: Mapping[str, int] = field(default_factory=dict)
    security: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Refuse what exactness was not proven for. Raises KafkaSettingsProblem with all problems at once."""
        if problems := [*_timing_problems(self), *_name_problems(self), *security_problems.problems(self.security)]:
            raise KafkaSettingsProblem("Kafka settings: " + "; ".join(problems))

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of the brokers to begin with."""
        return tuple(_address(part) for part in self.bootstrap.split(",") if part.strip())

    @property
    def group_id(self) -> str:
        """The consumer group, prefix included."""
        return f"{self.prefix}{self.group}"

    @property
    def slot(self) -> str:
        """The worker's stable name in the cluster: member of the group and transactional id."""
        return f"{self.group_id}-{self.name}"


def _timing_problems(settings: KafkaSettings) -> list[str]:
    rules = [
        (
            settings.deadline_ms < settings.transaction_timeout_ms,
            f"deadline_ms {settings.deadline_ms} must be below {settings.transaction_timeout_ms}, the transaction's",
        ),
        (
            3 * settings.heartbeat_ms <= settings.session_timeout_ms,
            f"heartbeat_ms {settings.heartbeat_ms} must be at most a third of session_timeout_ms",
        ),
    ]
    return [text for holds, text in rules if not holds]


def _name_problems(settings: KafkaSettings) -> list[str]:
    problems = []
    if not settings.bootstrap.strip(", "):
        problems.append("bootstrap is empty, expected host:port")
    wrong = [address for address in settings.addresses if not 0 < address[1] < 1 << 16]
    problems += [f"bootstrap holds a wrong port for {host!r}, expected host:port" for host, _ in wrong]
    if not settings.name or not settings.group:
        problems.append("group and name must not be empty")
    return problems


def _address(text: str) -> tuple[str, int]:
    """Return host and port; a host alone has Kafka's usual port, and 0 is that of one which is no number."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or port.endswith("]"):  # an IPv6 address may stand alone in brackets
        return text.strip().strip("[]"), DEFAULT_PORT
    return host.strip("[]"), int(port) if port.isdecimal() else 0


def connection(settings: KafkaSettings, role: str) -> Options:
    """What every handle of this worker has; `role` shows in the broker's logs and quotas."""
    return {
        **settings.security,
        "bootstrap.servers": settings.bootstrap,
        "client.id": f"{settings.slot}-{role}",
        "socket.timeout.ms": settings.socket_timeout_ms,
        "socket.nagle.disable": True,  # small requests, one at a time: Nagle would add up to 40 ms to each
        "socket.keepalive.enable": True,  # a dead peer is noticed while a fetch waits
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 1000,  # 10 s by default: a broker that is back would wait for us
        "log.connection.close": False,  # idle connections close; that is no news
        "allow.auto.create.topics": False,  # a misspelt topic must fail, not appear with the broker's defaults
    }


def _reading(settings: KafkaSettings, role: str) -> Options:
    return {
        **connection(settings, role),
        "enable.auto.commit": False,  # offsets travel in transactions only
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "fetch.wait.max.ms": 100,  # answers come at once when there are records; this bounds an empty poll
        "fetch.error.backoff.ms": 100,
        "fetch.queue.backoff.ms": 20,  # 1 s by default: a full queue would idle a worker that has just emptied it
        "queued.min.messages": 1_000,  # all partitions wait in one line: a long one hides live leads behind a bulk
        "queued.max.messages.kbytes": 32 * 1024,  # bounds the memory of a backlog
        "message.max.bytes": RECORD_BYTES_MAX,
        "fetch.message.max.bytes": 128 * 1024,  # of each partition in one answer; the eighth of an epoch and more
        "fetch.max.bytes": 4 * RECORD_BYTES_MAX,
        "topic.metadata.refresh.interval.ms": 60_000,
        "check.crcs": True,
    }


def consumer_options(settings: KafkaSettings) -> Options:
    """The group consumer: classic `range`, which co-partitions, with static membership for a restart in 1 s."""
    static: Options = {"group.instance.id": settings.slot} if settings.static else {}
    return {
        **_reading(settings, "consumer"),
        **static,
        "group.id": settings.group_id,
        "group.protocol": "classic",  # KIP-848 refuses a killed static member until its session ends
        "partition.assignment.strategy": "range",  # the others do not give one worker the same partitions of two topics
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": settings.heartbeat_ms,  # a rebalance is noticed by a heartbeat
        "max.poll.interval.ms": 60_000,  # a worker that polls more rarely hangs; it is replaced
        "auto.offset.reset": "error",  # never resell from the start, never skip to the end
    }


def reader_options(settings: KafkaSettings, role: str) -> Options:
    """A consumer outside the group: it assigns partitions to itself and is told where a log ends."""
    return {
        **_reading(settings, role),
        # Demanded by librdkafka, which looks for its coordinator: another group would want a permission of its own.
        # Nobody joins it or commits by such a consumer.
        "group.id": settings.group_id,
        "auto.offset.reset": "earliest",  # only for a start that compaction has removed meanwhile
        "enable.partition.eof": True,
    }


def admin_options(settings: KafkaSettings) -> Options:
    """Metadata and offsets."""
    return connection(settings, "admin")
