"""What can be wrong with settings, in words: each problem names the variable, what is wrong and what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

PREFIX = "LEADFLOW_"

#: Pydantic's kinds of error in our words; {limit} is what the field allows.
_WORDS = {
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_parsing": "is not a number",
    "finite_number": "is not a finite number",
    "bool_parsing": "is neither true nor false",
    "greater_than_equal": "is below {ge}",
    "greater_than": "is not above {gt}",
    "less_than_equal": "is above {le}",
    "string_pattern_mismatch": "does not have the right form",
    "string_too_long": "is longer than {max_length} characters",
    "literal_error": "is not one of the words allowed",
}


class Problem(NamedTuple):
    """One thing that is wrong with one variable."""

    variable: str
    wrong: str
    right: str

    def __str__(self) -> str:
        return f"{self.variable} {self.wrong}; right would be: {self.right}"


class SettingsProblems(Exception):
    """All problems of the settings at once, one line each. Operator action: set the variables that it names."""

    exit_code = 78

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def field_problem(name: str, error: Mapping[str, Any], right: str, *, secret: bool) -> Problem:
    """Put one of pydantic's errors into words; the value of a secret is not shown."""
    given = error.get("input")
    words = _WORDS.get(error["type"], "").format(**error.get("ctx", {})) or str(error["msg"]).removeprefix(
        "Value error, "
    )
    shown = "" if secret or given is None else f"{str(given)[:60]!r} "
    return Problem(PREFIX + name.upper(), shown + words, right)


def unknown_problem(variable: str, known: Iterable[str]) -> Problem:
    """Say that there is no such setting, and which one may have been meant."""
    near = get_close_matches(variable.upper(), list(known), n=1, cutoff=0.7)
    right = f"{near[0]}, if that is meant" if near else "to unset it; `leadflow settings` lists what there is"
    return Problem(variable, "is no setting of leadflow", right)
