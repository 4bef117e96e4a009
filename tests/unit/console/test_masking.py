"""What a screen shows of a person."""

from __future__ import annotations

import pytest

from console.masking import mask, shown
from schemas.records import BuyerLead, DeadLetter, Lead, LeadReceived


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("email", "jbutt@example.org", "j***@example.org"),
        ("email", "broken", "b***"),
        ("phone", "+1 504-621-8927", "***27"),
        ("phone", "911", "***"),
        ("postal_code", "70116", "701**"),
        ("postal_code", "701", "***"),
        ("first_name", "James", "J***"),
        ("address", "6649 N Blue Gum St", "***"),
        ("trustedform_cert_url", "https://cert.trustedform.com/abc", "https://cert.trustedform.com/***"),
        ("something_new", "secret", "s***"),
        ("state", "LA", "LA"),
        ("email", None, ""),
    ],
)
def test_a_value_is_masked_by_its_field(field: str, value: str | None, expected: str) -> None:
    assert mask(field, value) == expected


def test_no_personal_value_is_left_in_a_record() -> None:
    lead = Lead(first_name="James", email="james@example.org", phone="+15045550127", fields={"spouse": "Annabel"})
    record = BuyerLead("id", "sale", 1, 4200, "USD", False, lead)
    text = str(shown(record))
    for value in ("James", "james", "0127", "Annabel"):
        assert value not in text
    assert shown(record)["price_minor"] == 4200
    assert shown(record, unmask=True)["lead"]["fields"] == {"spouse": "Annabel"}


def test_a_received_lead_is_masked_too() -> None:
    record = LeadReceived(
        "L1", "solar-us", "acme", 1, last_name="Butterfield", ip_address="10.1.2.3", fields={"x": "yz"}
    )
    text = str(shown(record))
    for value in ("Butterfield", "10.1.2.3", "yz"):
        assert value not in text
    assert "L1" in text


def test_a_dead_letter_shows_no_bytes() -> None:
    letter = DeadLetter(
        "dedup", "leads.received", 1, 2, 3, "UNDECODABLE", "", 4, b"ann", b"ann@example.org", {"h": b"ann"}
    )
    assert "ann" not in str(shown(letter))
    assert shown(letter)["value"] == "<15 bytes>"
