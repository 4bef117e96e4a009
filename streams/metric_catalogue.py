"""Every metric of a worker as data: name, kind, labels, what it tells. Docs, dashboards and alerts are checked by it.

A label's values come from a closed set, or are numbers of partitions or ids of the plan: never text from a record.
Test leads count nowhere but in the engine's own numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from schemas import errors
from schemas.reasons import Reason
from schemas.topics import source_topics
from streams.cpu import COMMITTING, FETCHING
from streams.start_steps import STEPS

Kind = Literal["counter", "gauge", "histogram"]

#: Shown instead of a value that is not in a label's closed set.
OTHER = "other"


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric. `name` without `_total`, its unit last; `buckets` are upper bounds in the metric's unit."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    doc: str
    buckets: tuple[float, ...] = ()


LEADS = MetricSpec(
    "leadflow_leads",
    "counter",
    ("stage", "outcome", "reason"),
    "Leads by what a stage decided; routing and delivery decide once a sale that the lead may make. "
    "Of committed epochs alone: one that is redone counts once.",
)
RECEIVED_TO_SOLD = MetricSpec(
    "leadflow_received_to_sold_seconds",
    "histogram",
    (),
    "Seconds from the broker's time of the received lead to its sale.",
    (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600),
)
CAP_USED = MetricSpec(
    "leadflow_cap_used_ratio",
    "gauge",
    ("buyer", "contract", "measure", "window"),
    "Share of a cap that is used in its current window; 1 is full. An empty contract stands for the whole buyer.",
)
EPOCHS = MetricSpec(
    "leadflow_epochs", "counter", ("outcome",), "Epochs (transactions of a worker) that were committed or undone."
)
EPOCHS_UNDONE = MetricSpec(
    "leadflow_epochs_undone", "counter", ("cause",), "Epochs that did not happen and were redone, by error class."
)
EPOCH_SECONDS = MetricSpec(
    "leadflow_epoch_seconds",
    "histogram",
    (),
    "Seconds from begin to commit of an epoch.",
    (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.4, 1, 2.5, 8),
)
RECORDS = MetricSpec(
    "leadflow_records",
    "counter",
    ("direction",),
    "Records taken and given by committed epochs; `handed_over`: those of `in` that the epoch itself had written.",
)
CPU = MetricSpec(
    "leadflow_cpu_seconds",
    "counter",
    ("part",),
    "CPU seconds of the thread that works, by stage, and for fetching records and committing epochs.",
)
EPOCHS_SLOW = MetricSpec(
    "leadflow_epochs_slow",
    "counter",
    (),
    "Epochs whose transaction took 400 ms or longer; the next ones take fewer records.",
)
PRODUCER_RENEWALS = MetricSpec(
    "leadflow_producer_renewals",
    "counter",
    ("cause",),
    "Times that the worker's name was taken at Kafka: at its start (`first`), after an abort, after a request that was "
    "refused (`error`), after one that was not answered (`connection`), and to look at partitions that had no leader "
    "before (`unseen`).",
)
SET_ASIDE = MetricSpec(
    "leadflow_records_set_aside",
    "counter",
    ("stage", "topic", "reason", "way"),
    "Records that fail alone: sent to the dead letters, or ended in their stage's own way.",
)
PREPARE_SLOW = MetricSpec(
    "leadflow_prepare_slow", "counter", ("stage",), "Preparations (claims in Redis) beyond their limit."
)
RESTS = MetricSpec("leadflow_stage_rests", "counter", ("stage",), "Times that a stage rested: the world is in the way.")
RESTING = MetricSpec("leadflow_stage_resting", "gauge", ("stage",), "1 while a stage rests or waits.")
STOPPED = MetricSpec(
    "leadflow_partitions_stopped", "gauge", ("stage",), "Partitions that stand still until `leadflow repair`."
)
OWNED = MetricSpec("leadflow_partitions_owned", "gauge", ("topic",), "Source partitions that this worker owns.")
RUNNING = MetricSpec("leadflow_partitions_running", "gauge", ("topic",), "Owned source partitions whose records run.")
LAG = MetricSpec(
    "leadflow_lag_records", "gauge", ("topic", "partition"), "Offsets between position and end of a source partition."
)
RESTORED = MetricSpec(
    "leadflow_restore_ratio", "gauge", ("stage", "partition"), "Share of a changelog that is read; 1 is restored."
)
ENTRIES = MetricSpec("leadflow_table_entries", "gauge", ("stage", "partition"), "Table entries in memory.")
READY = MetricSpec("leadflow_ready", "gauge", (), "1 while everything that this worker owns runs.")
CLOCK_OFF = MetricSpec("leadflow_clock_off_seconds", "gauge", (), "Difference of this machine's clock to the broker's.")
START = MetricSpec(
    "leadflow_start_seconds",
    "gauge",
    ("step",),
    "Seconds from the start of the worker's process until a step of its start was done for the first time.",
)
CLAIMS_REBUILT = MetricSpec(
    "leadflow_claims_rebuilt", "counter", (), "Times that this worker claimed the window again after a loss of Redis."
)

CATALOGUE: tuple[MetricSpec, ...] = (
    LEADS,
    RECEIVED_TO_SOLD,
    CAP_USED,
    EPOCHS,
    EPOCHS_UNDONE,
    EPOCH_SECONDS,
    RECORDS,
    CPU,
    EPOCHS_SLOW,
    PRODUCER_RENEWALS,
    SET_ASIDE,
    PREPARE_SLOW,
    RESTS,
    RESTING,
    STOPPED,
    OWNED,
    RUNNING,
    LAG,
    RESTORED,
    ENTRIES,
    READY,
    CLOCK_OFF,
    START,
    CLAIMS_REBUILT,
)

STAGES = ("dedup", "scoring", "routing", "delivery", "settlement")

#: What stages call their outcomes, and how people read it ("offer" and "right" are inside words).
OUTCOMES: Mapping[str, str] = {
    "unique": "unique",
    "rejected": "rejected",
    "scored": "scored",
    "offered": "routed",
    "repeat": "repeat",
    "forwarded": "passed_on",
    "rerouted": "routed_again",
    "sold": "sold",
    "unsold": "unsold",
    "unfilled": "no_buyer",
}

ERROR_CLASSES = tuple(
    sorted(name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception))
)

#: Why a record is set aside: each kind of Poison, and EXCEPTION for anything else that a stage raised.
POISON_REASONS = ("POISON", "UNDECODABLE", "UNKNOWN_SCHEMA", "TOO_LARGE", "KILLS_PROCESS", "EXCEPTION")

#: The closed set of each label's values; a label that is not here carries partition numbers or ids of the plan.
LABEL_VALUES: Mapping[str, frozenset[str]] = {
    "stage": frozenset(STAGES),
    "outcome": frozenset((*OUTCOMES.values(), "committed", "undone", OTHER)),
    "reason": frozenset(("", *Reason, *POISON_REASONS, OTHER)),
    "cause": frozenset((*ERROR_CLASSES, "first", "abort", "error", "connection", "unseen", OTHER)),
    "direction": frozenset(("in", "out", "handed_over")),
    "part": frozenset((*STAGES, FETCHING, COMMITTING)),
    "step": frozenset(STEPS),
    "way": frozenset(("dead_letter", "stage")),
    "topic": frozenset(spec.name for spec in source_topics()),
    "measure": frozenset(("leads", "spend")),
    "window": frozenset(("hour", "day", "week", "month", "total")),
}
