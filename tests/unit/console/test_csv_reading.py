"""Reading CSV files: what a spreadsheet, an export or a broken script may hand us."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from console.importing.reading import (
    LINE_CHARS_MAX,
    FileProblem,
    Format,
    Row,
    Unreadable,
    detect,
    read_header,
    read_rows,
)

COMMA = Format("utf-8", ",")


def write(folder: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / "leads.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def rows(path: Path, form: Format = COMMA) -> list[Row | Unreadable]:
    return list(read_rows(path, form, len(read_header(path, form))))


@pytest.mark.parametrize(
    ("delimiter", "encoding", "found"),
    [
        (",", "utf-8", "utf-8"),
        (";", "cp1252", "cp1252"),
        ("\t", "utf-16", "utf-16"),
        ("|", "utf-8-sig", "utf-8-sig"),
    ],
)
def test_encoding_and_delimiter_are_found(tmp_path: Path, delimiter: str, encoding: str, found: str) -> None:
    people = [("Zoë", "Müller", "São Paulo"), ("José", "Núñez", "Málaga"), ("Ann", "O'Brien", "Köln")] * 5
    lines = [delimiter.join(("first", "last", "city")), *(delimiter.join(person) for person in people)]
    path = write(tmp_path, "\r\n".join(lines), encoding)
    form = detect(path)
    assert (form.encoding, form.delimiter) == (found, delimiter)
    assert read_header(path, form) == ("first", "last", "city")
    assert [row.values for row in rows(path, form) if isinstance(row, Row)] == people


def test_commas_inside_quotes_do_not_vote(tmp_path: Path) -> None:
    path = write(tmp_path, 'name;street\n"Doe, J., Sr";"1, A, St"\n"Roe, K";"2, B"\n')
    assert detect(path).delimiter == ";"


def test_one_column_is_a_file_too(tmp_path: Path) -> None:
    path = write(tmp_path, "email\na@example.org\n")
    assert detect(path) == COMMA
    assert rows(path) == [Row(2, ("a@example.org",))]


def test_line_numbers_survive_line_ends_in_quotes_and_empty_lines(tmp_path: Path) -> None:
    path = write(tmp_path, 'a,b\n1,"two\nlines"\n\n3,4\n')
    assert rows(path) == [Row(2, ("1", "two\nlines")), Row(5, ("3", "4"))]


def test_an_open_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    path = write(tmp_path, 'a,b\n1,"never closed\n3,4\n5,6\n')
    assert rows(path) == [
        Unreadable(2, "a quote is opened and not closed"),
        Row(3, ("3", "4")),
        Row(4, ("5", "6")),
    ]


def test_an_open_quote_in_a_long_file_does_not_swallow_it(tmp_path: Path) -> None:
    path = write(tmp_path, 'a,b\n1,"oops\n' + "3,4\n" * 100)
    found = rows(path)
    assert isinstance(found[0], Unreadable)
    assert len(found) == 101


def test_a_row_of_the_wrong_width_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n1,2,3\n4\n5,6\n")
    assert rows(path) == [
        Unreadable(2, "2 columns expected, 3 found"),
        Unreadable(3, "2 columns expected, 1 found"),
        Row(4, ("5", "6")),
    ]


def test_bytes_of_another_encoding_cost_their_row_only(tmp_path: Path) -> None:
    path = write(tmp_path, b"a,b\n1,\xff\xfe\n3,4\n")
    assert rows(path) == [Unreadable(2, "bytes that are not utf-8"), Row(3, ("3", "4"))]


def test_a_line_without_end_is_bounded(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n" + "x" * (3 * LINE_CHARS_MAX) + "\n3,4\n")
    found = rows(path)
    assert found == [Unreadable(2, "the line is longer than 64 KiB"), Row(3, ("3", "4"))]


def test_doubled_and_empty_column_names_become_unique(tmp_path: Path) -> None:
    path = write(tmp_path, "email,,email\na,b,c\n")
    assert read_header(path, COMMA) == ("email", "column 2", "email (2)")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"PK\x03\x04\x00\x00\x00", "not a text file"),
        ("a,b\n1,2\n".encode("utf-16-le"), "--encoding utf-16-le"),
    ],
)
def test_a_file_that_is_no_csv_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(FileProblem, match=message):
        detect(write(tmp_path, content))


def test_a_file_without_header_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "Ann,ann@example.org\nBob,bob@example.org\n")
    with pytest.raises(FileProblem, match="not column names"):
        read_header(path, detect(path))


def test_a_missing_file_and_a_wrong_encoding_say_so(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="cannot read"):
        detect(tmp_path / "none.csv")
    for encoding in ("utf-9", "base64", "rot13", "undefined"):
        with pytest.raises(FileProblem, match="unknown encoding"):
            detect(write(tmp_path, "a,b\n"), encoding=encoding)


def test_a_pipe_is_refused_because_a_file_is_read_twice(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "leads.fifo")
    with pytest.raises(FileProblem, match="save it as a file"):
        detect(tmp_path / "leads.fifo")


def test_a_row_is_not_shown_by_its_repr(tmp_path: Path) -> None:
    (row,) = rows(write(tmp_path, "email\nann@example.org\n"))
    assert "ann" not in repr(row)
