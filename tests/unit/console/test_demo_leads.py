"""The demo's leads: the same each time, of the promised mix, written as a form tool would."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from console.demo.leads import COLUMNS, MIX, OUT_OF_AREA, Kind, Lead, counts, make, write
from console.importing.mapping import guess
from console.importing.reading import Row, detect, read_header, read_rows


def digits(lead: Lead) -> str:
    return re.sub(r"\D", "", lead.row["Phone"])[-10:]


def of(kind: Kind, leads: list[Lead]) -> list[Lead]:
    return [lead for lead in leads if lead.kind is kind]


def test_the_same_seed_makes_the_same_file(tmp_path: Path) -> None:
    one, two = tmp_path / "1.csv", tmp_path / "2.csv"
    write(make(300, 7), one)
    write(make(300, 7), two)
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("count", [1, 10, 100, 2_000])
def test_the_mix_is_exact(count: int) -> None:
    found = counts(make(count, 3))
    for kind, share in MIX.items():
        if kind is not Kind.GOOD:
            assert found[kind] == count * share // 100
    assert found.total() == count


def test_a_repeat_is_an_earlier_row_once_more() -> None:
    leads = make(1_000, 5)
    ids = Counter(lead.row["Lead ID"] for lead in leads)
    for lead in of(Kind.REPEAT, leads):
        assert ids[lead.row["Lead ID"]] == 2
        assert [other.kind for other in leads if other.row == lead.row] == [Kind.GOOD, Kind.REPEAT]


def test_a_duplicate_keeps_mail_or_phone_of_one_earlier_person_and_what_the_plan_judges() -> None:
    leads = make(1_000, 5)
    good = of(Kind.GOOD, leads)
    for lead in of(Kind.DUPLICATE, leads):
        mail, phone = lead.row["E-mail"].lower(), digits(lead)
        earlier = [other for other in good if other.row["E-mail"] == mail or digits(other) == phone]
        assert len(earlier) == 1
        for name in ("State", "Owns Home", "Monthly Bill"):
            assert earlier[0].row[name] == lead.row[name]


def test_good_leads_share_nothing() -> None:
    leads = [lead for lead in make(2_000, 9) if lead.kind in (Kind.GOOD, Kind.OUT_OF_AREA, Kind.INVALID)]
    for values in ([lead.row["Lead ID"] for lead in leads], [digits(lead) for lead in of(Kind.GOOD, leads)]):
        assert len(set(values)) == len(values)


def test_only_those_out_of_area_live_there() -> None:
    for lead in make(1_000, 2):
        assert (lead.row["State"] in OUT_OF_AREA) == (lead.kind is Kind.OUT_OF_AREA)


def test_leading_zeros_are_lost_as_in_spreadsheets() -> None:
    assert any(len(lead.row["ZIP"]) == 4 for lead in of(Kind.GOOD, make(500, 1)))


def test_the_file_maps_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    write(make(50, 1), path)
    form = detect(path)
    header = read_header(path, form)
    assert header == COLUMNS
    fields = (
        "first_name last_name email phone address city state postal_code owns_home monthly_bill trustedform_cert_url"
    )
    found = guess(header, [*fields.split(" "), "nothing_like_it"], {})
    assert found.unused == ()
    assert found.column_of("supplier_lead_id") == "Lead ID"
    assert sum(isinstance(row, Row) for row in read_rows(path, form, len(header))) == 50
