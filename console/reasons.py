"""What each reason code says, in words for people: the same on the screen and in `docs/reasons.md`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.reasons import Reason

REJECTED: Final[Mapping[Reason, str]] = {
    Reason.CAMPAIGN_UNKNOWN: "the plan has no such campaign",
    Reason.CAMPAIGN_PAUSED: "the campaign was paused by hand; sent again after that, the lead is taken",
    Reason.SUPPLIER_UNKNOWN: "the plan has no such supplier",
    Reason.SUPPLIER_NOT_IN_CAMPAIGN: "the plan does not let this supplier send into this campaign",
    Reason.SUPPLIER_PAUSED: "the supplier was paused by hand; sent again after that, the lead is taken",
    Reason.INVALID: "it has no identity, or fields are missing or wrong: each fault is named",
    Reason.SUBMITTED_IN_FUTURE: "its `submitted_at` is more than five minutes after it was received",
    Reason.DUPLICATE: "another lead of the same person is known, as the campaign tells persons",
    Reason.REPEAT: "the very same lead had come in before; that one has its own end",
}
"""Why a received lead goes no further."""

FAULTS: Final[Mapping[Reason, str]] = {
    Reason.VALIDATION_MISSING: "a required field is missing or empty",
    Reason.VALIDATION_TYPE: "the value is not of the field's type",
    Reason.VALIDATION_RANGE: "the value is below `min` or above `max`",
    Reason.VALIDATION_PATTERN: "the value does not have the field's `pattern`",
    Reason.VALIDATION_ALLOWED_VALUES: "the value is not one of those that the field allows",
}
"""What is wrong with a field of a lead that is INVALID."""

DECLINED: Final[Mapping[Reason, str]] = {
    Reason.FILTERED: "the contract does not accept such leads",
    Reason.TESTS_NOT_ACCEPTED: "it is a test lead, and the buyer takes none",
    Reason.BUYER_PAUSED: "the buyer was paused by hand",
    Reason.CONTRACT_PAUSED: "the contract was paused by hand",
    Reason.BUYER_CLOSED_HOURS: "it was outside the buyer's hours",
    Reason.BUYER_CAP: "one of the buyer's caps on leads was full",
    Reason.BUYER_BUDGET: "one of the buyer's caps on spend had not enough room for the price",
    Reason.CONTRACT_CAP: "one of the contract's caps on leads was full",
    Reason.CONTRACT_BUDGET: "one of the contract's caps on spend had not enough room for the price",
    Reason.ALREADY_SOLD_TO_BUYER: "the buyer had this lead already, by another right",
    Reason.TERMS_CHANGED: "the contract's price or filters had changed meanwhile; the right is ranked anew",
    Reason.BUYER_RETIRED: "the buyer or its contract is no longer in the plan",
    Reason.TOPIC_UNAVAILABLE: "the buyer's topic is missing, or may not be written to",
    Reason.NOT_PICKED: "another contract was picked",
}
"""Why a contract was passed over, or declined."""

UNSOLD: Final[Mapping[Reason, str]] = {
    Reason.NO_COVERAGE: "no contract accepts such a lead",
    Reason.NO_BUYERS: "no further buyer was left: fewer contracts accept it than it may be sold to",
    Reason.ALL_CAPPED: "every contract that accepts it had a full cap",
    Reason.ALL_CLOSED: "every contract that accepts it was closed at that hour",
    Reason.ALL_PAUSED: "every contract that accepts it was paused",
    Reason.STALE: "it had become older than the campaign's `sell_within`",
    Reason.MIXED: "the contracts that accept it declined for different reasons, or its rights ended for different ones",
    Reason.ERROR: "its record could not be processed; it was set aside, see `leadflow dead list`",
}
"""Why a right, or a whole lead, ended without a sale. Where all contracts gave one reason, that one may stand here."""

WORDS: Final[Mapping[Reason, str]] = {
    **REJECTED,
    **FAULTS,
    **DECLINED,
    **UNSOLD,
    Reason.SOLD: "at least one of its rights was sold",
}
"""Every code."""


def in_words(code: str) -> str:
    """Return what a code says, without the marks of code; "" for one that is not known, as of a newer release."""
    return WORDS[Reason(code)].replace("`", "") if code in WORDS else ""
