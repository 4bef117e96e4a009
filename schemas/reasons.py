"""The closed list of reason codes; a string in Avro, so that old readers survive new codes."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a lead, a right or a candidate ended as it did."""

    # a received lead goes no further
    CAMPAIGN_UNKNOWN = "CAMPAIGN_UNKNOWN"
    CAMPAIGN_PAUSED = "CAMPAIGN_PAUSED"
    SUPPLIER_UNKNOWN = "SUPPLIER_UNKNOWN"
    SUPPLIER_NOT_IN_CAMPAIGN = "SUPPLIER_NOT_IN_CAMPAIGN"
    SUPPLIER_PAUSED = "SUPPLIER_PAUSED"
    INVALID = "INVALID"
    SUBMITTED_IN_FUTURE = "SUBMITTED_IN_FUTURE"
    DUPLICATE = "DUPLICATE"
    REPEAT = "REPEAT"
    # faults of a field
    VALIDATION_MISSING = "VALIDATION_MISSING"
    VALIDATION_TYPE = "VALIDATION_TYPE"
    VALIDATION_RANGE = "VALIDATION_RANGE"
    VALIDATION_PATTERN = "VALIDATION_PATTERN"
    VALIDATION_ALLOWED_VALUES = "VALIDATION_ALLOWED_VALUES"
    # a candidate is skipped or declines
    FILTERED = "FILTERED"
    TESTS_NOT_ACCEPTED = "TESTS_NOT_ACCEPTED"
    BUYER_PAUSED = "BUYER_PAUSED"
    CONTRACT_PAUSED = "CONTRACT_PAUSED"
    BUYER_CLOSED_HOURS = "BUYER_CLOSED_HOURS"
    BUYER_CAP = "BUYER_CAP"
    BUYER_BUDGET = "BUYER_BUDGET"
    CONTRACT_CAP = "CONTRACT_CAP"
    CONTRACT_BUDGET = "CONTRACT_BUDGET"
    ALREADY_SOLD_TO_BUYER = "ALREADY_SOLD_TO_BUYER"
    TERMS_CHANGED = "TERMS_CHANGED"
    BUYER_RETIRED = "BUYER_RETIRED"
    TOPIC_UNAVAILABLE = "TOPIC_UNAVAILABLE"
    NOT_PICKED = "NOT_PICKED"
    # a right, or a whole lead, ends
    SOLD = "SOLD"
    NO_COVERAGE = "NO_COVERAGE"
    NO_BUYERS = "NO_BUYERS"
    ALL_CAPPED = "ALL_CAPPED"
    ALL_CLOSED = "ALL_CLOSED"
    ALL_PAUSED = "ALL_PAUSED"
    STALE = "STALE"
    MIXED = "MIXED"
    ERROR = "ERROR"


#: Reasons of a candidate that count as "capped", "closed" and "paused" when a right's end is summed up.
CAPPED = frozenset({Reason.BUYER_CAP, Reason.BUYER_BUDGET, Reason.CONTRACT_CAP, Reason.CONTRACT_BUDGET})
CLOSED = frozenset({Reason.BUYER_CLOSED_HOURS, Reason.TOPIC_UNAVAILABLE})
PAUSED = frozenset({Reason.BUYER_PAUSED, Reason.CONTRACT_PAUSED})
