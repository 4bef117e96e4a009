"""Reading YAML as the text that was written, from files that may be hostile."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from config.plan import PlanProblems, check_sources, load_plan, read_files, to_json
from config.plan.reading import DEPTH_MAX, SOURCE_BYTES_MAX, Entries, Sequence, Text, read_tree
from console.bench.w1 import plan_yaml
from tests.unit.plan.samples import REFERENCE, SAMPLES, plan


def _value(text: str) -> str:
    tree, problems = read_tree({"p.yaml": f"key: {text}\n"})
    node = tree.items["key"][1]
    assert isinstance(node, Text)
    assert problems == []
    return node.value


def _problem(sources: dict[str, str]) -> str:
    try:
        _, problems = read_tree(sources)
    except PlanProblems as error:
        problems = list(error.problems)
    return str(problems[0])


@pytest.mark.parametrize(
    "text", ["NO", "yes", "22:30", "0777", "1_000", "1e3", "2026-06-02", "null", "~", "0.10", "+1"]
)
def test_scalar_is_the_text_that_was_written(text: str) -> None:
    assert _value(text) == text


def test_quotes_only_delimit() -> None:
    assert _value("'08:00'") == "08:00"
    assert _value('"08:00"') == "08:00"


def test_places_are_lines_and_columns_of_the_file() -> None:
    tree, _ = read_tree({"p.yaml": "# a comment\na:\n  b: [x,\n      y]\n"})
    place, inner = tree.items["a"]
    assert (place.file, place.line, place.column) == ("p.yaml", 2, 1)
    assert isinstance(inner, Entries)
    items = inner.items["b"][1]
    assert isinstance(items, Sequence)
    assert [(item.place.line, item.place.column) for item in items.items] == [(3, 7), (4, 7)]


def test_billion_laughs_are_refused_at_the_first_alias() -> None:
    text = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    with pytest.raises(PlanProblems) as caught:
        read_tree({"p.yaml": text})
    assert [str(problem) for problem in caught.value.problems] == [
        "p.yaml:1: anchors (&a) are not read; write each value out",
        "p.yaml:2: aliases (*a) are not read; write the value out",
        "p.yaml:2: anchors (&b) are not read; write each value out",
    ]


def test_depth_is_limited() -> None:
    deep = "[" * 200 + "]" * 200
    assert _problem({"p.yaml": f"key: {deep}\n"}) == f"p.yaml:1: more than {DEPTH_MAX} levels inside each other"


def test_unended_quote_is_told_where_it_begins() -> None:
    text = "a: 1\nb: 'never ended\nc: 2\n"
    assert _problem({"p.yaml": text}) == "p.yaml:2: this is not YAML: found unexpected end of stream"


def test_characters_that_yaml_does_not_know_are_refused_where_they_stand() -> None:
    assert _problem({"p.yaml": "a: \x00\n"}) == (
        "p.yaml:1: this is not YAML: the character U+0000 cannot stand in a text; leave it out"
    )
    assert _problem({"p.yaml": "a: é\nb: 1\nc: \x07\n"}).startswith("p.yaml:3: this is not YAML: the character U+0007")


@pytest.mark.parametrize("odd", ["\x85", "\u2028", "\u2029"])
def test_line_breaks_that_editors_do_not_count_are_refused(odd: str) -> None:
    assert _problem({"p.yaml": f"a: 1\nb: 'x{odd}y'\n"}) == (
        f"p.yaml:2: a line break of another kind (U+{ord(odd):04X}) stands here; leave it out, or begin a new line"
    )


def test_a_thousand_contracts_are_read_in_a_moment() -> None:
    text = plan_yaml(1_000, contracts=1_000)
    started_s = time.process_time()
    tree, problems = read_tree({"p.yaml": text})
    assert time.process_time() - started_s < 2.0  # 0.4 s; a parser in Python needs 4 s
    assert problems == []
    buyers = tree.items["buyers"][1]
    assert isinstance(buyers, Entries)
    assert len(buyers.items) == 1_000


def test_folder_is_the_whole_plan(tmp_path: Path) -> None:
    at = REFERENCE.index("buyers:\n")
    second = REFERENCE.index("  brightroof:\n")
    (tmp_path / "10-campaigns.yaml").write_text(REFERENCE[:at])
    (tmp_path / "buyers").mkdir()
    (tmp_path / "buyers" / "a.yml").write_text("leadflow: 1\n" + REFERENCE[at:second])
    (tmp_path / "buyers" / "b.yaml").write_text("buyers:\n" + REFERENCE[second:])
    (tmp_path / ".hidden.yaml").write_text("not: read")
    (tmp_path / "README.md").write_text("not read either")
    assert load_plan(tmp_path) == load_plan(SAMPLES / "reference.yaml")
    assert list(read_files(tmp_path)) == ["10-campaigns.yaml", "buyers/a.yml", "buyers/b.yaml"]


def test_id_in_two_files_is_refused_with_both_places() -> None:
    again = REFERENCE[REFERENCE.index("buyers:\n") :]
    with pytest.raises(PlanProblems) as caught:
        check_sources({"a.yaml": REFERENCE, "b.yaml": again})
    assert str(caught.value.problems[0]) == (
        "b.yaml:2: buyers.sunco: is given twice, first in a.yaml:29; an id stands once in a plan"
    )


def test_setting_that_two_files_give_differently_is_refused() -> None:
    assert _problem({"a.yaml": "currency: USD\n", "b.yaml": "currency: EUR\n"}) == (
        "b.yaml:1: currency: is 'EUR' here and 'USD' in a.yaml:1; say it in one file"
    )


def test_section_of_another_kind_in_a_second_file_is_refused() -> None:
    assert _problem({"a.yaml": "buyers: {a: {}}\n", "b.yaml": "buyers: [b]\n"}) == (
        "b.yaml:1: buyers: does not fit with a.yaml:1; each file's section is a mapping of ids"
    )


def test_unreadable_file_stops_the_check_before_it_says_what_is_missing() -> None:
    with pytest.raises(PlanProblems) as caught:
        check_sources({"a.yaml": REFERENCE, "b.yaml": "buyers: [\n"})
    assert [problem.file for problem in caught.value.problems] == ["b.yaml"]


def test_missing_file_empty_folder_and_other_encodings_are_told(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("leadflow: 1\nname: Zoë\n".encode("latin-1"))
    empty = tmp_path / "empty"
    empty.mkdir()
    for path, what in [
        (tmp_path / "nothing.yaml", "there is no such file or folder"),
        (empty, "the folder has no *.yaml file"),
        (latin, "this is not UTF-8 text"),
    ]:
        with pytest.raises(PlanProblems, match=what.replace("*", r"\*")):
            load_plan(path)


def test_too_large_a_plan_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"#" * (SOURCE_BYTES_MAX + 1))
    with pytest.raises(PlanProblems, match="the plan has 3,145,729 bytes"):
        load_plan(tmp_path)


def test_byte_order_mark_of_windows_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + REFERENCE.replace("\n", "\r\n").encode())
    assert load_plan(path) == plan()


def test_a_folder_of_too_many_files_is_surely_not_one_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.plan.reading.FILES_MAX", 2)
    for name in ("a.yaml", "b.yml", "c.txt"):
        (tmp_path / name).write_text("x: y\n")
    assert len(read_files(tmp_path)) == 2
    (tmp_path / "c.yaml").write_text("x: y\n")
    with pytest.raises(PlanProblems, match="the folder has more than 2 YAML files"):
        read_files(tmp_path)


def test_a_plan_whose_checked_form_does_not_fit_in_a_record_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(to_json(plan()))
    monkeypatch.setattr("config.plan.check.JSON_BYTES_MAX", size)
    assert plan() is not None
    monkeypatch.setattr("config.plan.check.JSON_BYTES_MAX", size - 1)
    with pytest.raises(PlanProblems, match=f"the checked plan has {size:,} bytes, the most is {size - 1:,}"):
        plan()
