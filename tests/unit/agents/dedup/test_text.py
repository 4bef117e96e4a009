"""Text is made canonical, and what is hostile in it is refused without being quoted."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from agents.dedup.text import Wrong, boolean, clean, email, one_of, url
from tests.support.chance import any_text, draws


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    [
        ("  Maria  del   Mar ", "Maria del Mar"),
        ("Maria\u00a0Gómez\u2003", "Maria Gómez"),
        ("line\none\tline\r\n", "line one line"),
        ("Jose\u0301", "José"),
        ("ma\u200bria\u202e", "maria"),
        ("\ufeff", ""),
        ("   ", ""),
    ],
)
def test_text_is_trimmed_collapsed_and_composed(given_text: str, canonical: str) -> None:
    assert clean(given_text) == canonical


@pytest.mark.parametrize("hostile", ["a\x00b", "\x1b[31mred", "a\x7f", "\ue000"])
def test_control_characters_are_refused(hostile: str) -> None:
    with pytest.raises(Wrong, match="control character"):
        clean(hostile)


def test_cleaning_is_stable_and_leaves_one_line() -> None:
    kept = 0
    for seed, draw in draws(300):
        try:
            cleaned = clean(any_text(draw, draw.choice((3, 10, 40))))
        except Wrong:
            continue
        kept += cleaned != ""
        assert clean(cleaned) == cleaned, f"seed {seed}"
        assert cleaned == " ".join(cleaned.split()), f"seed {seed}"
        assert cleaned.isprintable(), f"seed {seed}"
    assert kept > 30


def test_what_is_not_seen_does_not_keep_letters_from_being_composed() -> None:
    assert clean("Rene\u200d\u0301") == clean("Rene\u0301") == "Ren\u00e9"


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    [
        ("JButt@GMail.com", "jbutt@gmail.com"),
        ("first.last+solar@sub.example.co.uk", "first.last+solar@sub.example.co.uk"),
        ("\uff4d\uff41ria\uff20example.com", "maria@example.com"),
        ("o'hara_1@example.org", "o'hara_1@example.org"),
        ("josé@example.com", "josé@example.com"),
    ],
)
def test_an_email_is_folded(given_text: str, canonical: str) -> None:
    assert email(given_text) == canonical


@pytest.mark.parametrize(
    "not_one",
    [
        "maria",
        "maria@example",
        "@example.com",
        "maria@",
        "a@b@example.com",
        "maria..g@example.com",
        ".maria@example.com",
        "maria@-example.com",
        "maria@exa mple.com",
        "maria@example.com,other@example.com",
        '"maria g"@example.com',
        "maria@127.0.0.1",
        f"{'m' * 65}@example.com",
        f"m@{'e' * 60}.{'e' * 60}.{'e' * 60}.{'e' * 60}.{'e' * 20}.com",
    ],
)
def test_what_is_no_email_is_refused_without_being_quoted(not_one: str) -> None:
    with pytest.raises(Wrong) as wrong:
        email(not_one)
    assert wrong.value.detail == "is not an e-mail address"


def test_dots_and_tags_of_an_email_stay() -> None:
    assert email("m.aria+tag@gmail.com") != email("maria@gmail.com")


def test_no_text_makes_the_email_parser_stumble() -> None:
    kept = 0
    for seed, draw in draws(400):
        name, domain = (
            draw.choice((any_text(draw, 2), any_text(draw, 40), f"Ma{any_text(draw, 1)}a")) for _ in range(2)
        )
        try:
            folded = email(draw.choice((f"{name}@{domain}.com", f"{name}@example.com", any_text(draw, 400))))
        except Wrong:
            continue
        kept += 1
        assert email(folded) == folded, f"seed {seed}"
    assert kept > 30


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    [
        ("HTTPS://Cert.TrustedForm.com/0f3A", "https://cert.trustedform.com/0f3A"),
        ("http://www.bentonjohnbjr.com", "http://www.bentonjohnbjr.com"),
        ("https://example.com:8443/a?b=c#d", "https://example.com:8443/a?b=c#d"),
    ],
)
def test_a_web_address_keeps_its_path(given_text: str, canonical: str) -> None:
    assert url(given_text) == canonical


@pytest.mark.parametrize(
    "not_one",
    [
        "example.com",
        "ftp://example.com",
        "javascript:alert(1)",
        "https://",
        "https://user:pw@example.com",
        "https://a b.c",
        "http\u017f://example.com",
        "https://\u212aiwi.com",
        "https://example.com:\u0663",
    ],
)
def test_what_is_no_web_address_is_refused(not_one: str) -> None:
    with pytest.raises(Wrong):
        url(not_one)


def test_booleans_are_a_closed_list() -> None:
    assert {boolean(word) for word in ("true", "YES", "y", "T", "1", "On")} == {"true"}
    assert {boolean(word) for word in ("false", "No", "n", "F", "0", "off")} == {"false"}
    with pytest.raises(Wrong):
        boolean("maybe")


def test_a_closed_list_is_read_in_any_case_and_spelt_as_the_plan_does() -> None:
    parse = one_of({"metal": "Metal", "tile": "Tile"})
    assert parse("METAL") == "Metal"
    with pytest.raises(Wrong, match="allowed"):
        parse("glass")


@pytest.mark.parametrize("parse", [email, url])
@pytest.mark.parametrize("piece", ["a", "a-", "-", "a.", ".", "a@", "é", "é-", "http://a", "https://a.", "_"])
def test_no_value_makes_a_pattern_run_away(parse: Callable[[str], str], piece: str) -> None:
    began = time.process_time()
    for start in ("", "a@b.", "https://"):
        for end in ("", "!", "@", ".", "é!"):
            try:
                parse(start + piece * 120 + end)
            except Wrong:
                continue
    assert time.process_time() - began < 0.5


def test_a_label_of_a_host_name_has_at_most_63_characters() -> None:
    assert email(f"m@{'e' * 63}.com") == f"m@{'e' * 63}.com"
    with pytest.raises(Wrong):
        email(f"m@{'e' * 64}.com")
