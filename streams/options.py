"""The numbers that tune the engine, each with its unit, its reason and what breaks when it is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from streams.dead_letters import DeadLetterLimits

_MAY_BE_ZERO = ("linger_ms_max", "handed_over_records_max", "gather_ms_max")


@dataclass(frozen=True)
class EngineOptions:
    """Limits and waits of one engine; all positive."""

    #: Records of one epoch. A transaction costs by the partitions that it touches, with one record or with many, so
    #: a backlog is taken in large steps; but it must stay far below `epoch_slow_ms`, and live leads wait behind it.
    epoch_records_max: int = 3000
    #: Longest wait for more records once some are there; 0 = never wait.
    linger_ms_max: int = 5
    #: Fewer records than this are not worth a wait: a quiet worker answers at once.
    linger_from_records: int = 20
    #: Longest wait for what the last epoch wrote for this worker itself and did not hand over: a hop takes one epoch.
    own_output_ms_max: int = 10
    #: An epoch that took at most so many records hands over what it wrote to stages of this worker (`streams.rounds`);
    #: 0 = never, then all is kept for the next epoch. A backlog gains nothing by it; but once what a second brings
    #: waits at all hops, an epoch holds several hundred records, and only this leads out of it.
    handed_over_records_max: int = 1500
    #: An epoch that has been open for so long, its transaction begun or not, hands nothing further over: nobody sees
    #: what its first rounds wrote before its last one is done, and a failure redoes them all.
    handed_over_ms_max: int = 1000
    #: A partition to which each epoch writes so many records and more is not fetched (`streams.bypass`): the calls that
    #: pause it and go on later cost as much as fetching some.
    bypass_records_min: int = 16
    #: An upstream stage rests while a downstream one has more than this many full epochs waiting.
    backlog_epochs: int = 2
    #: A `prepare` that takes longer is reported; the stage's own clients must have shorter time-outs.
    prepare_limit_ms: int = 500
    #: An epoch's transaction that takes so long or longer is counted as slow, and the next epochs take fewer records.
    epoch_slow_ms: int = 400
    #: First and longest rest of a stage whose world is in the way.
    rest_ms_min: int = 100
    rest_ms_max: int = 5000
    #: How long state of a revoked partition is kept in the hope that it comes back.
    kept_state_ms: int = 60_000
    #: Lanes that run already wait so long for the others of their assignment: an epoch of a few of them is as long as
    #: one of all, and what they write cannot go on anyway. A large table is not waited for.
    gather_ms_max: int = 500
    #: A larger record is poison before the broker can refuse it inside a transaction (broker default 1 MiB).
    record_bytes_max: int = 900_000
    #: Clock difference to the broker at which the worker is not ready, and at which it exits with 78.
    clock_off_ms_ready: int = 2000
    clock_off_ms_exit: int = 60_000
    #: Not counted in by the group for so long, while the cluster answers: the process ends with 70. A rebalance waits
    #: for a member that hangs at most as long as that one's watchdog lets it (45 s).
    no_member_ms_exit: int = 60_000
    #: How often the clock and the pinned partition counts are checked.
    check_every_ms: int = 10_000
    dead_letters: DeadLetterLimits = field(default_factory=DeadLetterLimits)

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, int) and value < (0 if item.name in _MAY_BE_ZERO else 1):
                raise ValueError(f"{item.name} must be above 0, not {value}")
        if self.rest_ms_min > self.rest_ms_max:
            raise ValueError(f"rest_ms_min must be at most rest_ms_max, not {self.rest_ms_min} > {self.rest_ms_max}")
