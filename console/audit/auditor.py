"""The auditor: takes every committed record of every topic, in any order between partitions, and says what must not be.

No input, no output, no clock: whoever feeds it decides what is read and what time it is. It shares no code with the
stages that it judges; of the plan it reads the published JSON alone.

    auditor = Auditor(codec)
    for message in messages:
        for finding in auditor.take(message): ...
    verdict = auditor.end()

Memory: leads on their way, counts of the windows that are open, and some 32 bytes for each lead and each of its
keys that was seen within the horizon.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from console.audit import cases
from console.audit.cases import Delivered, Extra, Offered, Origin, Received, Rerouted
from console.audit.docket import HOUR_MS, Docket, place_of
from console.audit.findings import Finding, Place, Rule
from console.audit.intake import check_rejection, values_of
from console.audit.judging import Law
from console.audit.opening import Opened, Openings
from console.audit.origins import End, Origins
from console.audit.pauses import Pauses
from console.audit.reckoning import Reckoning
from console.audit.scope import BUYERS, DEAD, LEADS, Scope, audited
from console.audit.slack import USUAL, Slack
from console.audit.unread import Unread
from console.audit.verdict import Figures, Verdict
from schemas.codec import Codec
from schemas.errors import Poison
from schemas.reasons import Reason
from schemas.records import (
    BuyerCommand,
    BuyerTerms,
    DeadLetter,
    LeadClosed,
    LeadRejected,
    Offer,
    Pause,
    PlanVersion,
    RightUnfilled,
)
from schemas.topics import (
    CLOSED,
    OFFERS,
    PAUSES,
    PLAN,
    RECEIVED,
    REJECTED,
    REROUTES,
    SCORED,
    SOLD,
    UNFILLED,
    UNIQUE,
)
from streams.stage import Message

HORIZON_MS: Final = 90 * 24 * HOUR_MS
#: Reason of the mark beside a dead letter that was sent back: no end of anything.
RETRIED: Final = "RETRIED"
#: Findings kept for the verdict; all are returned as they are found, and counted.
KEPT_MAX: Final = 10_000
_LOOK_EVERY: Final = 256


class Auditor:
    """Judges leads as their records come.

    Args:
        codec: decodes records; raises Unavailable when a schema registry does not answer.
        scope: which received records are judged; None: all, and every topic is read from its beginning.
        horizon_ms: how long a lead is known after its end; one of the same id behind that is a new one.
        slack: how far times of different clocks may be apart.
    """

    def __init__(
        self, codec: Codec, scope: Scope | None = None, *, horizon_ms: int = HORIZON_MS, slack: Slack = USUAL
    ) -> None:
        self.figures = Figures()
        self.found_by_rule: dict[Rule, int] = {}
        self._codec = codec
        self._openings = Openings(codec)
        self._horizon_ms = horizon_ms
        self._since_ms = scope.since_ms if scope is not None else 0
        self._law = Law(slack, Pauses(slack), self._openings.lead_of)
        self._docket = Docket(self._law, self.figures, scope, horizon_ms, self._openings.forget)
        self._origins = Origins()
        self._reckoning = Reckoning(self._law, self._docket.found)
        self._unread = Unread()
        self._kept: list[Finding] = []
        self._cleaned_ms = 0
        self._handlers: dict[str, Callable[[Message], None]] = {
            PLAN: self._plan,
            PAUSES: self._pause,
            RECEIVED: self._received,
            UNIQUE: self._unique,
            REJECTED: self._reject,
            SCORED: self._scored,
            REROUTES: self._rerouted,
            OFFERS: self._inbox_record,
            SOLD: self._sold,
            UNFILLED: self._unfilled,
            CLOSED: self._closed,
        }

    # --- what is asked of it -----------------------------------------------------------------------------------

    @property
    def open_leads(self) -> int:
        """How many leads are on their way: received without an end, or unique and not closed."""
        return len(self._origins) + len(self._docket)

    def take(self, message: Message) -> tuple[Finding, ...]:
        """Take one committed record; return what it shows. Topics that are not audited are passed over."""
        handler = self._handlers.get(message.topic) or self._handler_of(message.topic)
        if handler is None:
            return ()
        figures = self.figures
        figures.records += 1
        if message.value is not None or message.topic in (PAUSES, RECEIVED):
            try:
                handler(message)
            except Poison:
                self._unreadable(message)
        if not figures.records % _LOOK_EVERY:
            figures.peak_open = max(figures.peak_open, self.open_leads)
        return self._drain() if self._docket.found else ()

    def advance(self, now_ms: int, overdue_ms: int) -> tuple[Finding, ...]:
        """Tell that all topics were read up to a broker time; return leads that have waited for longer than allowed.

        What is over is forgotten: closed windows, leads beyond the horizon. A lead is reported once; it stays open,
        for it may still come to its end. For a monitor that never ends; a verdict on caps then knows no old windows.
        """
        before_ms = now_ms - overdue_ms
        self._docket.found += self._origins.overdue(before_ms)
        self._docket.overdue(before_ms)
        self._docket.found += self._unread.overdue(before_ms)
        if now_ms - self._cleaned_ms > HOUR_MS:
            self._cleaned_ms = now_ms
            self._docket.forget(now_ms - self._horizon_ms)
            self._reckoning.close_windows(before_ms - HOUR_MS, self._since_ms)
        return self._drain()

    def end(self) -> Verdict:
        """Judge what is still open as it is, and return the verdict on everything. Nothing is taken afterwards."""
        figures, docket = self.figures, self._docket
        figures.peak_open = max(figures.peak_open, self.open_leads)
        docket.found += self._origins.overdue(None)
        docket.close()
        docket.found += self._unread.overdue(None)
        fills = self._reckoning.end(self._since_ms)
        self._drain()
        figures.open = self.open_leads
        figures.remembered_bytes = docket.remembered_bytes
        return Verdict(figures, tuple(self._kept), fills)

    def _handler_of(self, topic: str) -> Callable[[Message], None] | None:
        if not audited(topic):
            return None
        handler = self._dead if topic.endswith(DEAD) else self._delivered
        self._handlers[topic] = handler
        return handler

    def _drain(self) -> tuple[Finding, ...]:
        new = tuple(self._docket.found)
        self._docket.found.clear()
        for finding in new:
            self.found_by_rule[finding.rule] = self.found_by_rule.get(finding.rule, 0) + 1
        self._kept += new[: KEPT_MAX - len(self._kept)]
        return new

    # --- rules of the game -------------------------------------------------------------------------------------

    def _plan(self, message: Message) -> None:
        record = self._codec.decode_as(message.value or b"", PlanVersion)
        self._reckoning.enact(record, place_of(message), message.timestamp_ms)
        self.figures.currency = self._reckoning.currency

    def _pause(self, message: Message) -> None:
        kind, _, id_ = (message.key or b"").decode(errors="replace").partition("/")
        record = self._codec.decode_as(message.value, Pause) if message.value else None
        self._law.pauses.take((kind, id_), record, message.timestamp_ms)

    # --- intake ------------------------------------------------------------------------------------------------

    def _received(self, message: Message) -> None:
        if not self._docket.judged((message.partition, message.offset)):
            return
        self.figures.received += 1
        try:
            sent = self._openings.received(message.value or b"")
        except Poison:
            sent = None
        received = Received(place_of(message), message.timestamp_ms, sent)
        end = self._origins.receive(received)
        if end is not None:
            self._matched(received, end)
            if end.flow is not None:
                self._docket.settle(self._docket.of_flow(end.flow))

    def _end(self, origin: Origin, end: End) -> None:
        received = self._origins.end(origin, end)
        if received is not None:
            self._matched(received, end)

    def _matched(self, received: Received, end: End) -> None:
        """Account for a received record and its end."""
        figures = self.figures
        if end.flow is not None:
            end.flow.received = received
            figures.unique += 1
        elif end.rejection is None:
            figures.dead += 1
        else:
            self._docket.found += check_rejection(end.rejection, received, end.at)
            if end.rejection.reason == Reason.REPEAT:
                figures.repeats += 1
            else:
                figures.rejected[end.rejection.reason] += 1

    def _unique(self, message: Message) -> None:
        slip, _, body = opened = self._openings.unique(message.value or b"")
        found = self._docket.flow(opened, message)
        if found is None:
            return
        case, flow = found
        if flow.unique is not None:
            case.extras.append(Extra(place_of(message), "a further unique record"))
            return
        flow.unique = place_of(message)
        flow.values = flow.asked = values_of(self._openings.lead_of(body))
        self._docket.on_time(message, slip.unique_at, "intake of lead", slip.lead_id)
        self._end((slip.received_partition, slip.received_offset), End(flow.unique, message.timestamp_ms, flow))
        self._docket.settle(case)

    def _reject(self, message: Message) -> None:
        fact = self._codec.decode_as(message.value or b"", LeadRejected)
        origin = (fact.received_partition, fact.received_offset)
        if not self._docket.judged(origin):
            return
        self._docket.on_time(message, fact.rejected_at, "rejection of lead", fact.lead_id)
        if fact.stage != "routing":
            self._docket.rejected(origin, message.timestamp_ms)
            self._end(origin, End(place_of(message), message.timestamp_ms, rejection=fact))
            return
        case = self._docket.case(fact.lead_id, message)
        flow = case.flow(origin)
        if flow.repeat is not None:
            case.extras.append(Extra(place_of(message), "a further rejection"))
            return
        flow.repeat = place_of(message)
        self.figures.unique -= 1
        self.figures.repeats += 1
        self._docket.settle(case)

    def _scored(self, message: Message) -> None:
        found = self._docket.flow(self._openings.scored(message.value or b""), message)
        if found is None:
            return
        case, flow = found
        if flow.scored is not None:
            case.extras.append(Extra(place_of(message), "a further score"))
            return
        flow.scored = place_of(message)
        if flow.score is not None:
            self._docket.on_time(message, flow.score.scored_at, "score of lead", case.lead_id)
        self._docket.settle(case)

    # --- rights ------------------------------------------------------------------------------------------------

    def _inbox_record(self, message: Message) -> None:
        value = message.value or b""
        kind = self._codec.record_type(value)
        if kind is BuyerTerms:
            self._reckoning.tell(self._codec.decode_as(value, BuyerTerms), place_of(message))
        elif kind is BuyerCommand:
            self._reckoning.inbox.command(self._codec.decode_as(value, BuyerCommand))
        elif kind is Offer:
            self._offer(message)
        else:
            self._unreadable(message)

    def _offer(self, message: Message) -> None:
        head = self._openings.offer(message.value or b"")
        found = self._docket.flow(Opened(head.slip, head.score, head.body), message)
        if found is None:
            return
        case, right = found[0], head.right
        buyer_id = head.route[head.position].buyer_id
        standing = self._reckoning.inbox.standing(buyer_id)
        offered = Offered(
            place_of(message), message.timestamp_ms, right, head.route, head.position, head.trace, standing
        )
        case.right((right.leg, right.round, right.index)).offers.append(offered)
        self._docket.settle(case)

    def _rerouted(self, message: Message) -> None:
        opened, right, trace = self._openings.reroute(message.value or b"")
        found = self._docket.flow(opened, message)
        if found is not None:
            case = found[0]
            case.right((right.leg, right.round, right.index)).reroutes.append(Rerouted(place_of(message), trace))
            self._docket.settle(case)

    def _sold(self, message: Message) -> None:
        fact = self._openings.sold(message.value or b"")
        sale = cases.Sale(place_of(message), fact, message.timestamp_ms)
        if not self._docket.judged((fact.received_partition, fact.received_offset)):
            self._docket.outside(fact.lead_id, fact.sale_id, message.timestamp_ms)
            self._reckoning.count(sale)
            return
        case = self._docket.case(fact.lead_id, message)
        right = case.right((fact.leg, fact.round, fact.index))
        before = right.sold
        if before is None:
            right.sold = sale
            self._docket.on_time(message, fact.sold_at, "sale", fact.sale_id)
        else:
            case.extras.append(Extra(sale.at, f"sale {fact.sale_id} beside {before.fact.sale_id}", sold=True))
        if not case.again and (before is None or before.fact.sale_id != fact.sale_id):
            self._reckoning.count(sale)
        self._docket.settle(case)

    def _unfilled(self, message: Message) -> None:
        fact = self._codec.decode_as(message.value or b"", RightUnfilled)
        if not self._docket.judged((fact.received_partition, fact.received_offset)):
            return
        case = self._docket.case(fact.lead_id, message)
        right = case.right((fact.leg, fact.round, fact.index))
        if right.unfilled is not None:
            case.extras.append(Extra(place_of(message), f"an end as {fact.reason}"))
        else:
            right.unfilled = cases.Unfilled(place_of(message), fact)
            self._docket.on_time(message, fact.unfilled_at, "an end of lead", fact.lead_id)
        self._docket.settle(case)

    def _delivered(self, message: Message) -> None:
        sold, body = self._openings.delivered(message.value or b"")
        if self._docket.is_outside(sold.sale_id):
            return
        case = self._docket.case(sold.lead_id, message)
        buyer_id = message.topic.removeprefix(BUYERS).removesuffix(LEADS)
        if sold.sale_id in case.delivered:
            case.extras.append(Extra(place_of(message), f"sale {sold.sale_id} again"))
        else:
            case.delivered[sold.sale_id] = Delivered(place_of(message), buyer_id, sold, body)
        self._docket.settle(case)

    def _closed(self, message: Message) -> None:
        fact = self._codec.decode_as(message.value or b"", LeadClosed)
        if not self._docket.judged((fact.received_partition, fact.received_offset)):
            return
        case = self._docket.case(fact.lead_id, message)
        if case.closed is not None:
            case.extras.append(Extra(place_of(message), "a further closing"))
        else:
            case.closed = cases.Closing(place_of(message), fact)
            self._docket.on_time(message, fact.closed_at, "closing of lead", fact.lead_id)
        self._docket.settle(case)

    # --- what could not be processed ---------------------------------------------------------------------------

    def _dead(self, message: Message) -> None:
        letter = self._codec.decode_as(message.value or b"", DeadLetter)
        sent_back = letter.reason == RETRIED
        if not sent_back:
            self._letter(letter, message)
        if letter.topic not in (RECEIVED, OFFERS, REROUTES) and letter.key:
            case = self._docket.case(letter.key.decode(errors="replace"), message)
            letters = case.sent_back if sent_back else case.dead
            letters[letter.topic] = letters.get(letter.topic, 0) + 1
            if sent_back:
                case.since_ms = message.timestamp_ms
            self._docket.settle(case)

    def _letter(self, letter: DeadLetter, message: Message) -> None:
        """Take a record for set aside, which is an end of one that was received."""
        origin = (letter.partition, letter.offset)
        self._unread.set_aside(Place(letter.topic, *origin))
        if letter.topic == RECEIVED and self._docket.judged(origin):
            self._end(origin, End(place_of(message), message.timestamp_ms))

    def _unreadable(self, message: Message) -> None:
        """Note a record that cannot be read: somebody must have set it aside, or ended its right by its last will."""
        will = dict(message.headers or ()).get("right")
        if message.topic in (OFFERS, REROUTES) and will:
            self._docket.case(will.decode(errors="replace").partition(" ")[0], message).unreadable = True
        else:
            self._unread.meet(place_of(message), message.timestamp_ms)
