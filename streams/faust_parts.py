"""The pieces of Faust whose work the engine does, reduced to what Faust's other pieces still ask of them.

Faust keeps the app, agents, streams, conductor, supervisors, command line, web server and signals. It loses the data
plane: fetching, acknowledging, committing, recovery, producing, assigning. Pinned to faust-streaming 0.15.3; what
we lean on beyond its documented interface is held by tests/unit/streams/test_faust_parts.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from faust import Schema
from faust.tables.manager import TableManager
from faust.transport.base import Transport
from faust.transport.consumer import Consumer
from faust.transport.producer import Producer
from faust.types import TP, Message
from faust.types.assignor import PartitionAssignorT
from faust.types.transports import ConsumerT, ProducerT
from mode import Service

if TYPE_CHECKING:
    from streams.app import LeadflowApp

AGENT_QUEUE_EVENTS = 4096
"""Events (one a partition and epoch) that an agent's queue holds; never more than its partitions are in it."""


class EngineHasIt(RuntimeError):
    """Faust was asked for something that only the engine does: emit through the epoch, not through the app."""


def _refuse(what: str) -> NoReturn:
    raise EngineHasIt(f"{what} is the engine's: stages emit through their epoch")


class BatchSchema(Schema[Any, Any]):
    """Hands the batch through as it is; stages decode."""

    def loads_key(self, app: Any, message: Message, **kwargs: Any) -> Any:
        """Return the key unchanged."""
        return message.key

    def loads_value(self, app: Any, message: Message, **kwargs: Any) -> Any:
        """Return the batch unchanged."""
        return message.value


class EngineConsumer(Consumer):
    """Where Faust expects a consumer: starts the driver when agents listen, stops it before they go.

    Nothing is acknowledged, committed or sought here; the base class' timers for that are empty.
    """

    app: LeadflowApp

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Begin: the conductor calls this when all agents have started."""
        self.app.driver.begin(self.app)

    def assignment(self) -> set[TP]:
        """Return the source partitions that this worker owns."""
        return {TP(*partition) for partition in self.app.driver.owned()}

    async def wait_empty(self) -> None:
        """Nothing waits outside of an epoch."""

    async def on_stop(self) -> None:
        """Let the running epoch end and leave the group."""
        await self.app.driver.end()

    async def on_task_error(self, exc: BaseException) -> None:
        """An agent fell: the driver ends the process."""
        self.app.driver.fall(exc)

    @Service.task
    async def _commit_handler(self) -> None:
        """Do nothing: epochs commit."""

    @Service.task
    async def _commit_livelock_detector(self) -> None:
        """Do nothing: the engine's watchdog looks after epochs."""

    async def commit(self, *args: Any, **kwargs: Any) -> bool:
        """Do nothing: epochs commit."""
        return False

    def close(self) -> None:
        """The driver closes."""

    def topic_partitions(self, topic: str) -> int | None:
        """Unknown: nobody may place records through Faust."""
        return None

    def highwater(self, tp: TP) -> int:
        """Unknown here; see the engine's lag."""
        return -1

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def _new_consumer_thread(self) -> Any:
        _refuse("fetching")

    def _to_message(self, tp: TP, record: Any) -> Any:
        _refuse("fetching")

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Refuse: placing is the client's."""
        _refuse("placing a key")

    def seek(self, partition: TP, offset: int) -> NoReturn:
        """Refuse."""
        _refuse("seeking")

    async def _none(self, *args: Any, **kwargs: Any) -> Any:
        _refuse("the position of a partition")

    _refuses: Any = _none
    _commit = _seek = _getmany = getmany = position = seek_wait = seek_to_beginning = _refuses
    seek_to_committed = earliest_offsets = highwaters = create_topic = perform_seek = _refuses


class SilentProducer(Producer):
    """Where Faust expects a producer. Whatever is sent outside of an epoch would be outside of its transaction."""

    async def send(self, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        """Refuse."""
        _refuse("sending")

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse."""
        _refuse("sending")

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: topics are created from the catalogue."""

    async def flush(self) -> None:
        """Nothing is ever queued."""

    def key_partition(self, topic: str, key: bytes) -> TP:
        """Refuse."""
        _refuse("placing a key")


class EngineTransport(Transport):
    """Hands out the reduced consumer and producer."""

    Consumer: ClassVar[type[ConsumerT]] = EngineConsumer
    Producer: ClassVar[type[ProducerT]] = SilentProducer
    driver_version = "leadflow engine on confluent-kafka"


class NoRecovery(TableManager):
    """Tables live in the engine and are restored there."""

    async def on_start(self) -> None:
        """Be ready at once."""
        self._tables_finalized.set()
        self._tables_registered.set()

    async def wait_until_recovery_completed(self) -> bool:
        """Return that the app need not wait."""
        return False

    async def on_stop(self) -> None:
        """Nothing to stop."""

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Nothing to drop."""


class NoAssignor(PartitionAssignorT):
    """Kafka's own range assignor decides; no worker answers for another one's tables."""

    def __init__(self, app: Any, replicas: int = 0) -> None:
        self.app = app
        self.replicas = replicas

    def group_for_topic(self, topic: str) -> int:
        """Return the only group."""
        return 0

    def assigned_standbys(self) -> set[TP]:
        """Return none."""
        return set()

    def assigned_actives(self) -> set[TP]:
        """Return what the engine owns."""
        owned: set[TP] = self.app.consumer.assignment()
        return owned

    def is_active(self, tp: TP) -> bool:
        """Whether the engine owns it."""
        return tp in self.assigned_actives()

    def is_standby(self, tp: TP) -> bool:
        """Never."""
        return False

    def key_store(self, topic: str, key: bytes) -> Any:
        """Refuse: ask the topics."""
        _refuse("routing to the owner of a key")

    def table_metadata(self, topic: str) -> MutableMapping[str, MutableMapping[str, list[int]]]:
        """Return nothing."""
        return {}

    def tables_metadata(self) -> MutableMapping[str, MutableMapping[str, list[int]]]:
        """Return nothing."""
        return {}


class TableFacade:
    """A stage's table as `faust tables` and the web list it: name and help; values are the engine's alone."""

    def __init__(self, stage: str, name: str, record: str) -> None:
        self.name = name
        self.help = f"{record} records of stage {stage}, one partition an owner"

    def __getitem__(self, key: object) -> NoReturn:
        """Refuse: a value belongs to an open epoch."""
        raise KeyError("tables are read inside an epoch only")


def event_message(topic: str, partition: int, offset: int, value: Any, now_s: float, generation: int) -> Message:
    """Return the Faust message that carries one batch; never tracked, never acknowledged."""
    return Message(
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp=now_s,
        timestamp_type=1,
        headers=None,
        key=None,
        value=value,
        checksum=None,
        tp=TP(topic, partition),
        generation_id=generation,
    )
