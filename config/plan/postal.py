"""Postal codes by region, as they are written: in capitals, with the usual separator at its place."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Form(NamedTuple):
    """How a region writes its codes.

    `pattern`: the code without spaces and dashes; `at`: where the separator goes, from the end if it is below 0.
    """

    pattern: str
    separator: str = ""
    at: int = 0


FORMS: Final = {
    "AT": Form(r"\d{4}"),
    "AU": Form(r"\d{4}"),
    "BE": Form(r"\d{4}"),
    "CA": Form(r"[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z]\d[ABCEGHJ-NPRSTV-Z]\d", " ", 3),
    "CH": Form(r"\d{4}"),
    "DE": Form(r"\d{5}"),
    "DK": Form(r"\d{4}"),
    "ES": Form(r"\d{5}"),
    "FR": Form(r"\d{5}"),
    "GB": Form(r"[A-Z]{1,2}\d[A-Z\d]?\d[A-Z]{2}", " ", -3),
    "IE": Form(r"[A-Z]\d[\dW][A-Z\d]{4}", " ", 3),
    "IN": Form(r"[1-9]\d{5}"),
    "IT": Form(r"\d{5}"),
    "MX": Form(r"\d{5}"),
    "NL": Form(r"[1-9]\d{3}[A-Z]{2}", " ", 4),
    "NZ": Form(r"\d{4}"),
    "PL": Form(r"\d{5}", "-", 2),
    "PT": Form(r"\d{7}", "-", 4),
    "SE": Form(r"\d{5}", " ", 3),
    "US": Form(r"\d{5}(?:\d{4})?", "-", 5),
}
_ANY: Final = re.compile(r"[A-Z0-9](?:[A-Z0-9 -]{0,10}[A-Z0-9])?", re.ASCII)
_PATTERNS: Final = {region: re.compile(form.pattern, re.ASCII) for region, form in FORMS.items()}


def written(region: str, text: str) -> str | None:
    """Return a code as the region writes it, None when it is none of its codes.

    A region without a form here takes any twelve letters, digits, spaces and dashes, as they stand.
    """
    if region not in FORMS:
        code = text.upper()
        return code if _ANY.fullmatch(code) else None
    code = _bare(text)
    return _separated(FORMS[region], code) if _PATTERNS[region].fullmatch(code) else None


def written_beginning(region: str, text: str) -> str:
    """Return the beginning of a code as the region writes it; as it stands where the beginning does not tell."""
    form = FORMS.get(region)
    if form is None or form.at < 0:
        return text.upper()
    code = _bare(text)
    return _separated(form, code) if len(code) > form.at else code


def _bare(text: str) -> str:
    return text.upper().replace(" ", "").replace("-", "")


def _separated(form: Form, code: str) -> str:
    cut = form.at % len(code) if form.separator else 0
    return f"{code[:cut]}{form.separator}{code[cut:]}" if cut else code
