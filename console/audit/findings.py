"""What the auditor can find: the closed list of its rules, and a finding that names a record and what is wrong."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, NamedTuple

Kind = Literal["lost", "sold twice", "over cap", "wrongly sold", "books disagree"]


class Rule(StrEnum):
    """A rule that must hold in the topics; the value is its name in reports and metrics."""

    RECEIVED_LOST = "received-lost"
    LEAD_LOST = "lead-lost"
    RIGHT_LOST = "right-lost"
    DELIVERY_LOST = "delivery-lost"
    SOLD_TWICE = "right-sold-twice"
    BUYER_TWICE = "buyer-got-lead-twice"
    OVERSOLD = "more-sales-than-rights"
    DELIVERED_TWICE = "delivered-twice"
    CAP = "cap"
    DUPLICATE_SOLD = "duplicate-sold"
    REJECTED_SOLD = "rejected-sold"
    FILTERS = "filters"
    HOURS = "hours"
    PAUSED = "paused"
    STALE = "stale"
    TERMS = "terms"
    TEST_LEAD = "test-lead"
    PHANTOM = "phantom"
    ENDED_TWICE = "ended-twice"
    CLOSED_TWICE = "closed-twice"
    FORKED = "right-in-two-places"
    INTAKE = "intake"
    SCORE = "score"
    RIGHTS = "rights"
    UNSOLD_REASON = "unsold-reason"
    PRICE = "price"
    CAP_RECORD = "cap-record"
    WINDOWS = "windows"
    DELIVERY = "delivery"
    DELIVERY_FIELDS = "delivery-fields"
    PAYOUT = "payout"
    CLOSING = "closing"
    BUYER_TERMS = "buyer-terms"
    CLOCK = "clock"
    PLAN = "plan"
    UNREADABLE = "unreadable"


class About(NamedTuple):
    """A rule's kind in the verdict, and what it says, for docs and reports."""

    kind: Kind
    says: str


RULES: Final[dict[Rule, About]] = {
    Rule.RECEIVED_LOST: About("lost", "Each received record ends once: unique, rejected or set aside."),
    Rule.LEAD_LOST: About("lost", "Each unique lead is scored and closed."),
    Rule.RIGHT_LOST: About("lost", "Each right of a lead ends (I3)."),
    Rule.DELIVERY_LOST: About("lost", "Each sale is in its buyer's topic."),
    Rule.SOLD_TWICE: About("sold twice", "A right is sold once (I2)."),
    Rule.BUYER_TWICE: About("sold twice", "No buyer buys a lead twice (I2)."),
    Rule.OVERSOLD: About("sold twice", "A lead has no more sales than rights (I2)."),
    Rule.DELIVERED_TWICE: About("sold twice", "A sale is in its buyer's topic once."),
    Rule.CAP: About("over cap", "No cap in force is passed in any window, leads and spend, buyer and contract (I1)."),
    Rule.DUPLICATE_SOLD: About("wrongly sold", "Of two leads of one person within the window only one is unique."),
    Rule.REJECTED_SOLD: About("wrongly sold", "A received record that was rejected goes no further."),
    Rule.FILTERS: About("wrongly sold", "A sale meets the accept condition of its contract."),
    Rule.HOURS: About("wrongly sold", "A sale lies in its buyer's opening hours."),
    Rule.PAUSED: About("wrongly sold", "Nothing is sold to, or taken from, who is paused."),
    Rule.STALE: About("wrongly sold", "Nothing is sold at or after the end of sell_within (I8)."),
    Rule.TERMS: About("wrongly sold", "Nothing is sold on other terms than the owner's current ones (I7)."),
    Rule.TEST_LEAD: About("wrongly sold", "A test lead goes to who takes tests, costs nothing, touches no cap."),
    Rule.PHANTOM: About("books disagree", "Each record comes from the one before it on the lead's way."),
    Rule.ENDED_TWICE: About("books disagree", "A received record and a right end once."),
    Rule.CLOSED_TWICE: About("books disagree", "A lead is closed once."),
    Rule.FORKED: About("books disagree", "A right is in one place at every moment (I3)."),
    Rule.INTAKE: About(
        "books disagree", "A unique or rejected lead is the received one; a unique one in times, fields and plan too."
    ),
    Rule.SCORE: About("books disagree", "Points and grade are those of the campaign's scoring."),
    Rule.RIGHTS: About("books disagree", "A lead has as many rights as its campaign sells, all on one set of terms."),
    Rule.UNSOLD_REASON: About("books disagree", "A right that ends unsold says why, and what it was worth."),
    Rule.PRICE: About("books disagree", "A sale is at the price of its contract's price list."),
    Rule.CAP_RECORD: About("books disagree", "A sale lists the caps in force, each counted on from the sale before."),
    Rule.WINDOWS: About("books disagree", "A sale is counted in the windows of its time in its buyer's zone."),
    Rule.DELIVERY: About("books disagree", "The buyer's record says what the sale says."),
    Rule.DELIVERY_FIELDS: About(
        "books disagree", "The buyer gets the fields of its contract, unchanged, and no others."
    ),
    Rule.PAYOUT: About("books disagree", "What the supplier is owed is what its terms say, once."),
    Rule.CLOSING: About("books disagree", "A closing adds up the sales and ends of its lead."),
    Rule.BUYER_TERMS: About("books disagree", "A buyer's owner is told what the plan says."),
    Rule.CLOCK: About(
        "books disagree",
        "A decision's time is less than a minute ahead of its record's at the broker, and less than two behind.",
    ),
    Rule.PLAN: About("books disagree", "Decisions name a plan version that can be read and is in force."),
    Rule.UNREADABLE: About("books disagree", "A record that cannot be read was set aside."),
}


class Place(NamedTuple):
    """Where a record stands; topic without prefix."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}@{self.offset}"


class Finding(NamedTuple):
    """One thing that must not be: the rule, the record that shows it, whom it is about; never a person's value."""

    rule: Rule
    at: Place
    subject: str
    expected: str
    found: str

    @property
    def kind(self) -> Kind:
        """The rule's kind."""
        return RULES[self.rule].kind

    @property
    def what(self) -> str:
        """The finding in words."""
        return f"{self.at}: {self.subject}: expected {self.expected}, found {self.found}"

    def as_json(self) -> dict[str, str | int]:
        """Return the finding by name."""
        return {
            "rule": str(self.rule),
            "kind": self.kind,
            "topic": self.at.topic,
            "partition": self.at.partition,
            "offset": self.at.offset,
            "subject": self.subject,
            "expected": self.expected,
            "found": self.found,
        }

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"
