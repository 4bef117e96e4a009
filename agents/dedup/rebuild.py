"""Claiming again from the log what Redis has lost: one worker, in a thread of its own, under a lock.

    1  take the lock; another worker that has it is left to its work
    2  set a new generation, not ready: from here on nobody claims and no open epoch is confirmed
    3  note the end of every partition of leads.unique, uncommitted records included
    4  read that far, committed records only, and claim each lead again, by what the plan looked at when it was
       judged and since; renew the lock with the progress; what is older than any claim is kept is not read
    5  mark the generation ready, if it is still this one on this server

A builder that dies leaves a lock that ends by itself; the next one starts at 1. One that was merely slow writes under
a generation that is no longer there, so its steps are refused.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Protocol

from agents.asked import values_of
from agents.dedup.keys import Claimant, PlanClaims, Row
from agents.dedup.sentinel import fresh, write
from agents.dedup.store import Seal, Store
from schemas.errors import LeadflowError, Unavailable, Undecodable
from schemas.records import Lead, Slip
from schemas.topics import UNIQUE
from streams.client import Client
from streams.stage import Message, TopicPartition

#: A builder that says nothing for this long has lost its lock; it renews it with every chunk, empty ones included.
LOCK_MS = 5_000
CHUNK_ROWS = 500
#: Empty chunks in a row, about 0.1 s each, until a rebuild gives up behind an open transaction or a broker away.
PATIENCE_CHUNKS = 600
#: A stretch of the log that is simply read: looking for where to start would not be quicker.
SHORT_RECORDS = 20_000
#: How far the times of neighbouring records may be out of order: clocks of workers differ by seconds.
DISORDER_MS = 3_600_000
_CLOSE_S = 5.0
_OVERTAKEN = "the claims were lost again, or another worker took the rebuild over"

#: Read a unique lead's slip and lead from the bytes of its record.
OpenUnique = Callable[[bytes], tuple[Slip, Lead]]


class UniqueLog(Protocol):
    """The log of unique leads, as a rebuild reads it; safe to use in another thread than the engine's."""

    def bounds(self) -> Mapping[int, tuple[int, int]]:
        """Return (start, end) of every partition; the end counts records that are not committed yet."""
        ...

    def read(self, partition: int, start: int, end: int, cancelled: Callable[[], bool]) -> Iterable[list[Message]]:
        """Yield the committed records of [start, end) in chunks; an empty one about every 0.1 s of waiting."""
        ...


class ClientLog:
    """The log through the seam, by the client of the moment; what is asked of it is safe in any thread."""

    def __init__(self, client: Callable[[], Client]) -> None:
        self._client = client

    def bounds(self) -> Mapping[int, tuple[int, int]]:
        """See `UniqueLog.bounds`. Raises Unavailable while the topic is not there."""
        client = self._client()
        count = client.partition_counts([UNIQUE]).get(UNIQUE, 0)
        if count == 0:
            raise Unavailable(f"{UNIQUE} is not there yet")
        found = client.log_bounds([TopicPartition(UNIQUE, at) for at in range(count)])
        return {partition.partition: bounds for partition, bounds in found.items()}

    def read(self, partition: int, start: int, end: int, cancelled: Callable[[], bool]) -> Iterable[list[Message]]:
        """See `UniqueLog.read`."""
        return self._client().read(TopicPartition(UNIQUE, partition), start, end, cancelled)


def in_thread(work: Callable[[], None]) -> None:
    """Run the work in a thread that does not keep the process alive."""
    threading.Thread(target=work, name="claims-rebuild", daemon=True).start()


def _silent() -> None:
    """Count nothing."""


class Rebuilder:
    """Rebuilds on demand, one at a time. `waits` says how far it is; `trouble` why the last one ended early."""

    def __init__(
        self,
        store: Store,
        log: UniqueLog,
        open_unique: OpenUnique,
        now_ms: Callable[[], int],
        run: Callable[[Callable[[], None]], None] = in_thread,
        patience_chunks: int = PATIENCE_CHUNKS,
        rebuilt: Callable[[], None] = _silent,
    ) -> None:
        """Put the parts together.

        Args:
            store: where the claims go.
            log: where they come from.
            open_unique: reads a record of the log; raises Undecodable, UnknownSchema.
            now_ms: the clock that the received times of slips live in.
            run: runs the rebuild, in a thread or, in simulations, at once.
            patience_chunks: empty chunks in a row until it gives up for this time.
            rebuilt: told of each rebuild that came to its end, for metrics.
        """
        self._store = store
        self._log = log
        self._open = open_unique
        self._now_ms = now_ms
        self._run = run
        self._patience = patience_chunks
        self._rebuilt = rebuilt
        self._closing = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._progress = ""
        self.trouble = ""

    @property
    def waits(self) -> str | None:
        """Why nobody may claim, with the progress; None while this worker rebuilds nothing."""
        return None if self._idle.is_set() else f"claims are being rebuilt, {self._progress}"

    def start(self, need: PlanClaims, why: str) -> None:
        """Begin a rebuild for this plan unless one is running; returns at once."""
        if self._closing.is_set() or not self._idle.is_set():
            return
        self._idle.clear()
        self._progress = f"0 % ({why})"
        self._run(lambda: self._guarded(need))

    def close(self) -> None:
        """Stop at the next chunk and wait for that, at most 5 s."""
        self._closing.set()
        self._idle.wait(_CLOSE_S)

    def _guarded(self, need: PlanClaims) -> None:
        """Run one rebuild; whatever ends it early is kept for the operator, and the next look starts another."""
        owner = uuid.uuid4().hex
        self.trouble = ""
        try:
            if self._store.lock(owner, LOCK_MS, "0 %"):
                try:
                    self._rebuild(need, owner)
                finally:
                    self._store.unlock(owner)
        except LeadflowError as error:
            self.trouble = str(error)
        except Exception as error:
            self.trouble = f"unexpected {type(error).__name__}"
            raise
        finally:
            self._idle.set()

    def _rebuild(self, need: PlanClaims, owner: str) -> None:
        before = self._store.look()
        generation = uuid.uuid4().hex
        building = write(fresh(generation, before.run_id, need, ready=False))
        if not self._store.swap(before.token, before.run_id, building):
            raise Unavailable("another worker began to rebuild at the same moment")
        self._copy(need, owner, Seal(building, before.run_id))
        ready = write(fresh(generation, before.run_id, need, ready=True))
        if not self._store.swap(building, before.run_id, ready):
            raise Unavailable(_OVERTAKEN)
        self._rebuilt()

    def _copy(self, need: PlanClaims, owner: str, seal: Seal) -> None:
        """Claim the whole log again. Raises Unavailable when it was stopped, or lock or generation went elsewhere."""
        bounds = {
            partition: (self._first(need, partition, start, end), end)
            for partition, (start, end) in self._log.bounds().items()
            if start < end
        }
        total = sum(end - start for start, end in bounds.values()) or 1
        done = waited = 0
        for partition, (start, end) in bounds.items():
            for messages in self._log.read(partition, start, end, self._closing.is_set):
                waited = 0 if messages else waited + 1
                if waited > self._patience:
                    raise Unavailable(f"{UNIQUE}-{partition} could not be read to its end: a transaction is open")
                self._restore(need, seal, messages)
                if messages:
                    self._progress = f"{100 * (done + messages[-1].offset - start) // total} %"
                if not self._store.lock(owner, LOCK_MS, self._progress):
                    raise Unavailable(_OVERTAKEN)
            done += end - start
            if self._closing.is_set():
                raise Unavailable("this worker stops")

    def _first(self, need: PlanClaims, partition: int, start: int, end: int) -> int:
        """Return an offset before which every lead is too old to be claimed, found by halving.

        A lead is received before it is written, so no record written too long ago holds a lead that is young enough;
        nor does one before it, but for the disorder of clocks.
        """
        oldest_ms = self._now_ms() - need.kept_ms - DISORDER_MS
        low, high = start, end
        while high - low > SHORT_RECORDS:
            middle = (low + high) // 2
            written_at = self._written_at(partition, middle, high)
            if written_at is not None and written_at < oldest_ms:
                low = middle
            else:
                high = middle
        return low

    def _written_at(self, partition: int, start: int, end: int) -> int | None:
        """Return when the first record from `start` on was written; None when there is none soon."""
        for messages in islice(self._log.read(partition, start, end, self._closing.is_set), 3):
            if messages:
                return messages[0].timestamp_ms
        return None

    def _restore(self, need: PlanClaims, seal: Seal, messages: list[Message]) -> None:
        rows = [row for message in messages if (row := self._row(need, message)) is not None]
        for at in range(0, len(rows), CHUNK_ROWS):
            if not self._store.restore(seal, rows[at : at + CHUNK_ROWS]):
                raise Unavailable(_OVERTAKEN)

    def _row(self, need: PlanClaims, message: Message) -> Row | None:
        """Return what claims this lead again; None for a test lead, a lead too old, and bytes that are no lead.

        Raises Unavailable for a lead that was judged by a later plan than this worker has.
        """
        try:
            slip, lead = self._open(message.value or b"")
        except Undecodable:
            return None
        if slip.plan_version > need.plan_version:  # whoever knows what it was judged by rebuilds
            raise Unavailable(f"plan version {slip.plan_version} is not known here yet, a lead was judged by it")
        age_ms = max(0, self._now_ms() - slip.received_at)
        if slip.test or need.outlived(age_ms):
            return None
        rule = need.rule_since(slip.campaign_id, slip.plan_version)
        who = Claimant(slip.lead_id, slip.received_partition, slip.received_offset, slip.received_at)
        return rule.row(who, rule.keys(values_of(lead)), age_ms)
