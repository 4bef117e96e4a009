"""What we lean on of Faust beyond its documented interface; a new version must pass here before it is taken."""

from __future__ import annotations

import asyncio
import inspect
from importlib.metadata import version
from typing import Any

import pytest
from faust.app.base import App
from faust.tables.manager import TableManager
from faust.transport.conductor import Conductor
from faust.transport.consumer import Consumer
from faust.types import TP
from mode.services import ServiceTask

from streams.faust_parts import EngineConsumer, EngineHasIt, NoAssignor, SilentProducer, TableFacade, event_message

PINNED = "0.15.3"


def test_fausts_version_is_the_one_this_was_proven_with() -> None:
    assert version("faust-streaming") == PINNED


def test_the_overridden_methods_are_still_there() -> None:
    names = {
        App: (
            "_stop_consumer",
            "_new_transport",
            "_new_producer_transport",
            "_create_directories",
            "on_start",
            "crash",
        ),
        TableManager: ("on_start", "wait_until_recovery_completed", "on_partitions_revoked", "on_stop"),
        Consumer: ("subscribe", "assignment", "wait_empty", "on_task_error", "commit", "on_stop", "close"),
        Conductor: ("on_message", "on_partitions_assigned", "_update_indices"),
    }
    missing = [
        f"{owner.__name__}.{name}"
        for owner, wanted in names.items()
        for name in wanted
        if not hasattr(owner, name) and name not in inspect.getsource(owner)
    ]
    assert missing == []


def test_the_consumers_own_timers_are_replaced() -> None:
    theirs = {name for name, value in vars(Consumer).items() if isinstance(value, ServiceTask)}
    ours = {name for name, value in vars(EngineConsumer).items() if isinstance(value, ServiceTask)}
    assert theirs == ours == {"_commit_handler", "_commit_livelock_detector"}


def test_the_table_manager_has_the_events_that_we_set() -> None:
    source = inspect.getsource(TableManager.__init__)
    assert "_tables_registered" in source
    assert "_tables_finalized" in source


def test_an_event_carries_the_generation_without_which_streams_skip_it() -> None:
    message = event_message("a", 1, 5, b"the batch", 1.5, 3)
    assert (message.tp, message.offset, message.value, message.generation_id) == (TP("a", 1), 5, b"the batch", 3)


def test_no_assignor_stands_between_kafka_and_the_engine() -> None:
    class Owning:
        class consumer:  # noqa: N801  as Faust's app names it
            assignment = staticmethod(lambda: {TP("a", 0)})

    assignor = NoAssignor(Owning())
    assert (assignor.assigned_actives(), assignor.assigned_standbys()) == ({TP("a", 0)}, set())
    assert assignor.is_active(TP("a", 0))
    assert not assignor.is_active(TP("a", 1))
    assert not assignor.is_standby(TP("a", 0))


def test_a_table_is_a_name_and_a_help_text() -> None:
    table = TableFacade("delivery", "caps", "Counters")
    assert (table.name, table.help) == ("caps", "Counters records of stage delivery, one partition an owner")
    with pytest.raises(KeyError):
        table["k"]


def test_nothing_is_sent_through_faust_because_it_would_be_outside_of_the_transaction() -> None:
    producer: Any = SilentProducer.__new__(SilentProducer)
    with pytest.raises(EngineHasIt, match="epoch"):
        asyncio.run(producer.send("leads.sold", b"k", b"v", None, None, None))
    with pytest.raises(EngineHasIt):
        asyncio.run(producer.send_and_wait("leads.sold", b"k", b"v", None, None, None))
    assert asyncio.run(producer.flush()) is None
