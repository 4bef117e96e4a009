"""The catalogue of topics: what each carries, by which key, in how many partitions, for how long. Pure description.

`streams/kafka/topic_admin.py` creates and checks them, `leadflow topics list` and the docs show them. Names here are
without the prefix (`LEADFLOW_PREFIX`), which the clients add.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from schemas import records as r
from schemas.records import Record

RECEIVED = "leads.received"
UNIQUE = "leads.unique"
REJECTED = "leads.rejected"
SCORED = "leads.scored"
REROUTES = "internal.reroutes"
OFFERS = "internal.offers"
UNFILLED = "rights.unfilled"
SOLD = "leads.sold"
CLOSED = "leads.closed"
BUYER_STATUS = "internal.buyer-status"
PLAN = "internal.plan"
PAUSES = "internal.pauses"

KIB = 1024
MIB = 1024 * KIB
DAY_MS = 24 * 60 * 60 * 1000

#: Largest record that upstream systems may send.
RECEIVED_BYTES_MAX = 64 * KIB
#: Largest version of the plan.
PLAN_BYTES_MAX = 8 * MIB
#: A broker's limit holds for a batch of records, and producers fill batches up to this much by default.
BATCH_BYTES = 1 * MIB
#: What a record's key, headers and framing may add to its value.
OVERHEAD_BYTES = 64 * KIB

Spread = Literal["lead", "buyer", "one"]
Keeping = Literal["personal", "for ever", "compacted"]


class Sizes(NamedTuple):
    """What the settings say about topics; partition counts are pinned once the topics exist."""

    lead_partitions: int = 8
    buyer_partitions: int = 8
    retention_days: int = 90
    replication: int = 1


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic.

    `spread` says which setting counts its partitions. `keeping`: personal records go after LEADFLOW_RETENTION_DAYS,
    facts stay for ever, compacted topics keep the last record of each key. `source`: a stage of leadflow reads it
    in its consumer group. All topics stamp records when the broker appends them (LogAppendTime): one clock.
    """

    name: str
    key: str
    records: tuple[type[Record], ...]
    spread: Spread
    keeping: Keeping
    personal: bool
    doc: str
    source: bool = False
    record_bytes_max: int = BATCH_BYTES
    short: bool = False

    def partitions(self, sizes: Sizes) -> int:
        """Return how many partitions it has."""
        return {"lead": sizes.lead_partitions, "buyer": sizes.buyer_partitions, "one": 1}[self.spread]

    def retention_ms(self, sizes: Sizes) -> int:
        """Return how long records are kept, in ms; -1: for ever."""
        return sizes.retention_days * DAY_MS if self.keeping == "personal" else -1

    def settings(self, sizes: Sizes) -> dict[str, str]:
        """Return Kafka's topic settings; whatever is not named here is the broker's business."""
        return {
            "cleanup.policy": "compact" if self.keeping == "compacted" else "delete",
            "retention.ms": str(self.retention_ms(sizes)),
            "retention.bytes": "-1",
            "max.message.bytes": str(max(BATCH_BYTES, self.record_bytes_max) + OVERHEAD_BYTES),
            "message.timestamp.type": "LogAppendTime",
            "min.insync.replicas": "2" if sizes.replication >= 3 else "1",
            "unclean.leader.election.enable": "false",
            **(_COMPACT_SOON if self.short else {}),
        }


#: A changelog is read whole at each restore, so it is kept close to its number of keys.
_COMPACT_SOON = {
    "segment.bytes": str(16 * MIB),
    "segment.ms": str(10 * 60 * 1000),
    "min.cleanable.dirty.ratio": "0.1",
    "max.compaction.lag.ms": str(10 * 60 * 1000),
    "delete.retention.ms": str(60 * 60 * 1000),
}

_TOPICS = (
    TopicSpec(
        RECEIVED,
        "any",
        (r.LeadReceived,),
        "lead",
        "personal",
        True,
        "Leads as suppliers send them; the one topic that upstream systems write to.",
        source=True,
        record_bytes_max=RECEIVED_BYTES_MAX,
    ),
    TopicSpec(
        UNIQUE, "lead_id", (r.LeadUnique,), "lead", "personal", True, "Valid leads, each once per person.", source=True
    ),
    TopicSpec(
        REJECTED,
        "lead_id",
        (r.LeadRejected,),
        "lead",
        "for ever",
        False,
        "Received leads that go no further, with all faults, or with the lead that they repeat.",
    ),
    TopicSpec(
        SCORED, "lead_id", (r.LeadScored,), "lead", "personal", True, "Unique leads with points and grade.", source=True
    ),
    TopicSpec(
        REROUTES,
        "lead_id",
        (r.Reroute,),
        "lead",
        "personal",
        True,
        "Rights whose route ended after their terms had changed, back to the router.",
        source=True,
    ),
    TopicSpec(
        OFFERS,
        "buyer_id",
        (r.Offer, r.BuyerTerms, r.BuyerCommand),
        "buyer",
        "personal",
        True,
        "The buyers' inbox: offers of sale rights, terms from the plan, commands of operators.",
        source=True,
    ),
    TopicSpec(
        SOLD,
        "lead_id",
        (r.LeadSold,),
        "lead",
        "for ever",
        False,
        "Each sale with its price, caps, windows and trace.",
        source=True,
    ),
    TopicSpec(
        UNFILLED,
        "lead_id",
        (r.RightUnfilled,),
        "lead",
        "for ever",
        False,
        "Rights that ended without a buyer, and why.",
        source=True,
    ),
    TopicSpec(
        CLOSED,
        "lead_id",
        (r.LeadClosed,),
        "lead",
        "for ever",
        False,
        "Leads whose rights have all ended: sold n of N, or unsold and why.",
    ),
    TopicSpec(
        BUYER_STATUS,
        "contract_id",
        (r.BuyerStatus,),
        "one",
        "compacted",
        False,
        "Which contracts can buy now; routers read it to spare the visit.",
        short=True,
    ),
    TopicSpec(
        PLAN,
        "plan",
        (r.PlanVersion,),
        "one",
        "for ever",
        False,
        "Every version of the distribution plan, never compacted.",
        record_bytes_max=PLAN_BYTES_MAX,
    ),
    TopicSpec(
        PAUSES, "kind/id", (r.Pause,), "one", "compacted", False, "Suppliers and campaigns paused by hand.", short=True
    ),
)

#: Stages that remember something, how their changelog is spread, and what it holds besides positions.
_CHANGELOGS: tuple[tuple[str, Spread, tuple[type[Record], ...]], ...] = (
    ("routing", "lead", (r.Routed, r.Credit)),
    ("delivery", "buyer", (r.BuyerState, r.Counters, r.Entry)),
    ("settlement", "lead", (r.OpenLead,)),
)


def buyer_topic(buyer_id: str) -> str:
    """Return the name of a buyer's own topic."""
    return f"buyers.{buyer_id}.leads"


def dead_topic(topic: str) -> str:
    """Return where records of `topic` that cannot be processed are set aside."""
    return f"{topic}.dead"


def changelog_topic(stage: str) -> str:
    """Return the name of a stage's changelog, which all its tables and its positions share."""
    return f"internal.{stage}.changelog"


@cache
def catalogue() -> tuple[TopicSpec, ...]:
    """Return every topic that exists whatever the plan says: those above, changelogs, dead letters."""
    changelogs = tuple(_changelog(*row) for row in _CHANGELOGS)
    return (*_TOPICS, *changelogs, *(_dead(spec) for spec in _TOPICS if spec.source))


def buyer_spec(buyer_id: str) -> TopicSpec:
    """Return the description of a buyer's own topic; plan apply creates it."""
    return TopicSpec(
        buyer_topic(buyer_id), "lead_id", (r.BuyerLead,), "one", "personal", True, f"Leads sold to buyer {buyer_id}."
    )


def spec_of(topic: str) -> TopicSpec | None:
    """Return the description of a topic by its name without prefix, buyers' topics included; None: not ours."""
    for spec in catalogue():
        if spec.name == topic:
            return spec
    first, _, rest = topic.partition(".")
    buyer_id, _, last = rest.rpartition(".")
    return buyer_spec(buyer_id) if first == "buyers" and last == "leads" and buyer_id else None


def source_topics() -> tuple[TopicSpec, ...]:
    """Return the topics that stages read in leadflow's consumer group."""
    return tuple(spec for spec in catalogue() if spec.source)


def _changelog(stage: str, spread: Spread, records: tuple[type[Record], ...]) -> TopicSpec:
    return TopicSpec(
        changelog_topic(stage),
        "table, zero byte, row",
        (*records, r.Position),
        spread,
        "compacted",
        False,
        f"What {stage} remembers, and how far it has come.",
        short=True,
    )


def _dead(source: TopicSpec) -> TopicSpec:
    return TopicSpec(
        dead_topic(source.name),
        "as it was",
        (r.DeadLetter,),
        "one",
        "personal",
        True,
        f"Records of {source.name} that cannot be processed: reason, coordinates, bytes.",
        record_bytes_max=BATCH_BYTES + OVERHEAD_BYTES,
    )
