"""Columns to fields, and rows to leads."""

from __future__ import annotations

import pytest

from console.importing.mapping import (
    MappingProblem,
    Origin,
    RowProblem,
    derived_id,
    guess,
    lead_of,
    parse_asked,
)

SOLAR = ("first_name", "last_name", "email", "phone", "state", "postal_code", "owns_home", "monthly_bill")
US_500 = [
    "first_name",
    "last_name",
    "company_name",
    "address",
    "city",
    "county",
    "state",
    "zip",
    "phone1",
    "phone2",
    "email",
    "web",
]
ORIGIN = Origin("solar-us", "acme-forms", test=False, key=b"k")


def test_a_well_known_file_maps_by_itself() -> None:
    found = guess(US_500, (*SOLAR, "address", "city"), {})
    assert {found.columns[i]: field for i, field in found.fields} == {
        "first_name": "first_name",
        "last_name": "last_name",
        "address": "address",
        "city": "city",
        "state": "state",
        "zip": "postal_code",
        "phone1": "phone",
        "email": "email",
    }
    assert found.unused == ("company_name", "county", "phone2", "web")


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("First Name", "first_name"),
        ("LAST-NAME", "last_name"),
        ("E-Mail", "email"),
        ("Mobile Phone", "phone"),
        ("ZIP Code", "postal_code"),
        ("xxTrustedFormCertUrl", "trustedform_cert_url"),
        ("universal_leadid", "jornaya_leadid"),
        ("Owns Home", "owns_home"),
        ("lead id", "supplier_lead_id"),
    ],
)
def test_names_are_compared_without_case_and_signs(column: str, field: str) -> None:
    found = guess([column, "something else"], SOLAR, {})
    assert found.fields == ((0, field),)


def test_a_plain_id_column_is_not_taken_for_the_identity() -> None:
    assert guess(["id", "email"], SOLAR, {}).fields == ((1, "email"),)


def test_the_own_name_wins_over_a_synonym() -> None:
    found = guess(["mobile", "phone", "cell"], SOLAR, {})
    assert found.column_of("phone") == "phone"


def test_fields_that_the_campaign_does_not_list_are_not_filled() -> None:
    assert guess(["city", "email"], ("email",), {}).unused == ("city",)


def test_what_is_asked_for_wins_and_may_leave_a_column_out() -> None:
    found = guess(US_500, SOLAR, {"phone2": "phone", "email": "", "company_name": "sub_id_1"})
    assert found.column_of("phone") == "phone2"
    assert found.column_of("email") is None
    assert found.column_of("sub_id_1") == "company_name"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"phon": "phone"}, "no column 'phon'; did you mean phone2, phone1"),
        ({"web": "emial"}, "no field 'emial'; did you mean email"),
        ({"phone1": "phone", "phone2": "phone"}, "two columns are mapped to 'phone'"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(asked: dict[str, str], message: str) -> None:
    with pytest.raises(MappingProblem, match=message):
        guess(US_500, SOLAR, asked)


def test_pairs_are_read_as_typed() -> None:
    assert parse_asked(["a=b=phone", " web = "]) == {"a=b": "phone", "web": ""}
    with pytest.raises(MappingProblem, match="column=field"):
        parse_asked(["phone"])
    with pytest.raises(MappingProblem, match="twice"):
        parse_asked(["a=phone", "a=email"])


def test_a_row_becomes_a_lead() -> None:
    columns = guess(["Email", "ZIP", "owns home", "sub", "web"], SOLAR, {"sub": "sub_id_1"})
    values = columns.values([" Ann@Example.org ", "02139", "yes", "ad-7", "ignored"])
    lead = lead_of(values, ORIGIN, now_ms=1000)
    assert (lead.email, lead.postal_code, lead.fields) == ("Ann@Example.org", "02139", {"owns_home": "yes"})
    assert (lead.campaign_id, lead.supplier_id, lead.submitted_at) == ("solar-us", "acme-forms", 1000)
    assert (lead.sub_ids, lead.phone) == (("ad-7",), None)


def test_the_same_row_gets_the_same_id_at_any_time_and_in_any_order() -> None:
    one = lead_of({"email": "a@example.org", "state": "CA"}, ORIGIN, now_ms=1)
    two = lead_of({"state": "CA", "email": "a@example.org"}, ORIGIN, now_ms=2)
    assert one.supplier_lead_id == two.supplier_lead_id
    assert one.supplier_lead_id.startswith("row-")


def test_other_rows_and_other_keys_get_other_ids() -> None:
    ids = {
        derived_id({"email": "a@example.org"}, b"k"),
        derived_id({"email": "b@example.org"}, b"k"),
        derived_id({"phone": "a@example.org"}, b"k"),
        derived_id({"email": "a@example.org"}, b"other"),
    }
    assert len(ids) == 4


def test_a_column_of_ids_is_taken_as_it_is() -> None:
    assert lead_of({"supplier_lead_id": "L-1", "email": "a@example.org"}, ORIGIN, 0).supplier_lead_id == "L-1"


def test_submitted_at_wants_a_zone() -> None:
    lead = lead_of({"submitted_at": "1970-01-01T01:00:01+01:00"}, ORIGIN, now_ms=5)
    assert lead.submitted_at == 1000
    for text in ("1970-01-01T00:00:01", "yesterday"):
        with pytest.raises(RowProblem):
            lead_of({"submitted_at": text}, ORIGIN, now_ms=5)
