"""What the parts of one engine work with: the world it was given, and what it knows of it that more than one part asks.

Each part takes from here what it needs, by name, as it is made; parts that it calls are given to it beside this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streams.assignment import Assignment
from streams.backoff import Losses, Rests
from streams.bypass import Bypass
from streams.client import Client
from streams.clock import Clock
from streams.cpu import Cpu
from streams.epoch_size import EpochSize
from streams.events import Listener
from streams.intake import Intake
from streams.options import EngineOptions
from streams.poison import Suspects
from streams.restore import Restorer
from streams.stage import Batch, Stage
from streams.stores import Decode

#: Told which records are being prepared and processed, so that a death over them is noticed; none: nothing any more.
Mark = Callable[[Sequence[Batch]], object]


@dataclass(frozen=True)
class Context:
    """Made once for an engine; which object is meant never changes."""

    client: Client
    #: Upstream first.
    stages: tuple[Stage, ...]
    clock: Clock
    options: EngineOptions
    on_event: Listener
    mark: Mark
    #: What was fetched and is not taken, and the lanes that it is for.
    intake: Intake
    assignment: Assignment
    #: What has failed: records, stages' worlds, epochs in a row.
    suspects: Suspects
    rests: Rests
    losses: Losses
    #: How much the next epoch may take.
    size: EpochSize
    #: Partitions of which nothing is fetched, because all of it is known.
    bypass: Bypass
    #: Where the CPU of the working thread goes.
    cpu: Cpu


def context_of(
    client: Client,
    stages: Sequence[Stage],
    clock: Clock,
    options: EngineOptions,
    *,
    decode: Decode,
    restorer: Restorer,
    on_event: Listener,
    mark: Mark,
) -> Context:
    """Return the context of an engine that begins: nothing is known yet, and nothing is asked of the client."""
    intake = Intake()
    return Context(
        client=client,
        stages=tuple(stages),
        clock=clock,
        options=options,
        on_event=on_event,
        mark=mark,
        intake=intake,
        assignment=Assignment(client, stages, decode, clock, restorer, intake, options.kept_state_ms),
        suspects=Suspects(),
        rests=Rests(options.rest_ms_min, options.rest_ms_max),
        losses=Losses(options.rest_ms_min, options.rest_ms_max),
        size=EpochSize(options.epoch_records_max, options.epoch_slow_ms),
        bypass=Bypass(options.bypass_records_min),
        cpu=Cpu(),
    )
