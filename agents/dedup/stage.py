"""The stage `dedup`: from leads.received to leads.unique or leads.rejected. It joins the rules; it decides nothing.

`prepare` decodes, judges and claims; `process` only writes down what was found, with the epoch's time. A record that
cannot be decoded or judged claims nothing and fails alone, in `process`, so that the engine's bisecting finds it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from agents.dedup.claims import Claims, Earlier
from agents.dedup.hashes import Hashes
from agents.dedup.judge import Received, Refused, Rules, Valid, judge, shown_ids
from agents.dedup.keys import Claimant, Row
from agents.dedup.store import Seal
from agents.views import PauseView, PlanView
from schemas.codec import Codec
from schemas.errors import EpochLost, LeadflowError, Unavailable
from schemas.reasons import Reason
from schemas.records import LeadReceived, LeadRejected, Slip
from schemas.slip import Slips
from schemas.topics import RECEIVED, REJECTED, UNIQUE
from streams.stage import Batch, Epoch, Message, Stage


class Judged(msgspec.Struct, frozen=True, gc=False):
    """What `prepare` found out about a record."""

    received: Received
    verdict: Refused | Valid
    earlier: Earlier | None = None


class Prepared(NamedTuple):
    """A batch as `prepare` left it: by which rules, and what was found of each record, by offset."""

    rules: Rules
    found: dict[int, Judged | Exception]


class DedupStage(Stage):
    """Intake. Waits while no plan is in force and while claims are being rebuilt."""

    name = "dedup"
    sources = (RECEIVED,)
    reaches_out = True

    def __init__(
        self,
        codec: Codec,
        slips: Slips,
        plans: PlanView,
        pauses: PauseView,
        claims: Claims,
        hashes: Hashes,
        tally: Counter[tuple[str, str]] | None = None,
        intake_paused: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Put the parts together.

        Args:
            codec: decodes what is received.
            slips: seals what is unique.
            plans: the plan in force.
            pauses: suppliers and campaigns paused by hand.
            claims: who was seen before.
            hashes: the keyed hashes of slips and claims.
            tally: counts each outcome (unique, rejected) with its reason code, for metrics; test leads count nowhere.
            intake_paused: why no lead may be taken in on this machine now (its disk is full), or None.
        """
        self._codec = codec
        self._slips = slips
        self._plans = plans
        self._pauses = pauses
        self._claims = claims
        self._hashes = hashes
        self._tally = Counter() if tally is None else tally
        self._intake_paused = intake_paused
        self._rules: Rules | None = None
        self._refused_version = 0
        self._problem = ""
        #: What the last `prepare` found, by partition: one batch each, replaced by the next.
        self._prepared: dict[int, Prepared] = {}
        self._seals: dict[int, Seal] = {}

    @property
    def waits(self) -> str | None:
        """See `Stage.waits`."""
        if self._in_force() is None:
            return self._problem or self._plans.problem or "no plan applied yet"
        return self._claims.waits or self._intake_paused()

    @property
    def problem(self) -> str:
        """What is wrong with the newest plan, when an older one is used instead of it; "" otherwise."""
        return self._problem

    def prepare(self, batches: Sequence[Batch]) -> None:
        """Decode, judge and claim. Raises Unavailable: Redis, the schema registry, or no plan."""
        rules = self._in_force()
        if rules is None:
            raise Unavailable(self.waits or "no plan applied yet")
        prepared: dict[int, Prepared] = {}
        rows: list[Row] = []
        claimants: list[tuple[int, int]] = []
        for batch in batches:
            self.forget(batch.partition)
            found = {message.offset: self._judge(message, rules) for message in batch.messages}
            prepared[batch.partition] = Prepared(rules, found)
            for offset, judged in found.items():
                if isinstance(judged, Judged) and (row := _row(judged)) is not None:
                    rows.append(row)
                    claimants.append((batch.partition, offset))
        if rows:
            seal, earlier = self._claim(rows, rules)
            for position, before in earlier.items():
                partition, offset = claimants[position]
                _note_earlier(prepared[partition], offset, before)
            self._seals.update({partition: seal for partition, _ in claimants})
        self._prepared |= prepared

    def _claim(self, rows: list[Row], rules: Rules) -> tuple[Seal, Mapping[int, Earlier]]:
        try:
            return self._claims.claim(rows, rules.claims)
        except LeadflowError:
            raise
        except Exception as error:
            # No lead is to blame, so none may be set aside for it: the stage rests and says what is wrong.
            raise Unavailable(f"claiming failed in a way nobody foresaw: {type(error).__name__}") from error

    def process(self, batch: Batch, epoch: Epoch) -> None:
        """Write down what `prepare` found. Raises the error of a record that could not be judged."""
        prepared = self._prepared.get(batch.partition)
        for message in batch.messages:
            judged = prepared.found.get(message.offset) if prepared is not None else None
            if prepared is None or judged is None:
                raise EpochLost(f"{message!r} was not prepared")
            if isinstance(judged, Exception):
                raise judged
            self._write(judged, prepared.rules, epoch)

    def confirm(self) -> None:
        """Raise Unavailable when the claims that this epoch relies on may have been lost."""
        seals = set(self._seals.values())
        self._seals.clear()
        for seal in seals:
            self._claims.confirm(seal)

    def forget(self, partition: int) -> None:
        """See `Stage.forget`."""
        self._prepared.pop(partition, None)
        self._seals.pop(partition, None)

    def close(self) -> None:
        """Stop what runs beside the engine."""
        self._claims.close()

    # --- inside -------------------------------------------------------------------------------------------------

    def _in_force(self) -> Rules | None:
        """Return the newest plan that can be compiled; a plan that cannot leaves the one before in force."""
        plan = self._plans.current()
        known = self._rules
        if plan is None or (known is not None and known.plan is plan) or plan.version == self._refused_version:
            return known
        try:
            self._rules = Rules(plan, self._hashes, self._plans.dedupes)
            self._problem = ""
        except ValueError as error:
            self._refused_version = plan.version
            self._problem = f"plan version {plan.version} cannot be used for intake: {error}"
        return self._rules

    def _judge(self, message: Message, rules: Rules) -> Judged | Exception:
        try:
            lead = self._codec.decode_as(message.value or b"", LeadReceived)
            received = Received(lead, message.partition, message.offset, message.timestamp_ms)
            return Judged(received, judge(received, rules, self._pauses))
        except Unavailable:
            raise
        except Exception as error:
            return error

    def _write(self, judged: Judged, rules: Rules, epoch: Epoch) -> None:
        received, verdict, earlier = judged.received, judged.verdict, judged.earlier
        if isinstance(verdict, Refused):
            self._reject(received, rules, epoch, verdict)
        elif earlier is not None:
            reason = Reason.DUPLICATE if earlier.key else Reason.REPEAT
            refused = Refused(verdict.lead_id, reason)
            self._reject(received, rules, epoch, refused, tuple(verdict.keys), earlier)
        else:
            slip = self._slip(received, verdict, rules, epoch.now_ms)
            unique = self._slips.unique(slip, verdict.campaign.validator.body(verdict.values))
            epoch.emit(UNIQUE, self._slips.seal_unique(unique), verdict.lead_id, known=unique)
            if not slip.test:
                self._tally["unique", ""] += 1

    def _slip(self, received: Received, valid: Valid, rules: Rules, now_ms: int) -> Slip:
        lead, values = received.lead, valid.values
        validator = valid.campaign.validator
        email, phone = values.get("email"), values.get("phone")
        return Slip(
            valid.lead_id,
            lead.campaign_id,
            lead.supplier_id,
            lead.supplier_lead_id,
            lead.test,
            lead.submitted_at,
            received.at,
            received.partition,
            received.offset,
            now_ms,
            valid.sell_by,
            rules.plan.version,
            rules.email_hash(email) if email else "",
            rules.phone_hash(phone) if phone else "",
            validator.attributes(values),
            validator.private(values),
            valid.notes,
        )

    def _reject(
        self,
        received: Received,
        rules: Rules,
        epoch: Epoch,
        refused: Refused,
        checked: tuple[str, ...] = (),
        earlier: Earlier | None = None,
    ) -> None:
        campaign_id, supplier_id, supplier_lead_id = shown_ids(received.lead)
        record = LeadRejected(
            lead_id=refused.lead_id,
            campaign_id=campaign_id,
            supplier_id=supplier_id,
            supplier_lead_id=supplier_lead_id,
            test=received.lead.test,
            stage=self.name,
            reason=refused.reason,
            faults=refused.faults,
            keys_checked=checked,
            key_hit=checked[earlier.key - 1] if earlier is not None and earlier.key else "",
            earlier_lead_id=earlier.lead_id if earlier is not None else "",
            earlier_partition=earlier.partition if earlier is not None else -1,
            earlier_offset=earlier.offset if earlier is not None else -1,
            earlier_at=earlier.received_at if earlier is not None else -1,
            received_at=received.at,
            received_partition=received.partition,
            received_offset=received.offset,
            rejected_at=epoch.now_ms,
            plan_version=rules.plan.version,
        )
        epoch.emit(REJECTED, self._codec.encode(record), refused.lead_id)
        if not record.test:
            self._tally["rejected", refused.reason] += 1


def _note_earlier(prepared: Prepared, offset: int, before: Earlier) -> None:
    """Add to what was found of a record who was before it."""
    judged = prepared.found[offset]
    if isinstance(judged, Judged):
        prepared.found[offset] = Judged(judged.received, judged.verdict, before)


def _row(judged: Judged) -> Row | None:
    """Return what claims the lead; None for one that is refused already, and for tests, which touch no claim."""
    received, verdict = judged.received, judged.verdict
    if isinstance(verdict, Refused) or received.lead.test:
        return None
    who = Claimant(verdict.lead_id, received.partition, received.offset, received.at)
    return verdict.campaign.claim.row(who, verdict.keys)
