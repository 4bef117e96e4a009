"""A module fits in the head: it says what it is, and it ends in time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType

import pytest

from tests.support.checkout import PACKAGES, ROOT, tracked

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60


DECLARATIONS = {"schemas/records.py": "one declaration after another, no logic; split, the records would not be found"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def modules() -> list[Path]:
    return [ROOT / "leadflow", *(path for path in tracked(*PACKAGES, "tests") if path.suffix == ".py")]


def functions(code: CodeType) -> Iterator[CodeType]:
    """Yield all of them, nested ones included; the compiler says where they are in a third of a parser's time."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_flags & CO_OPTIMIZED:  # the body of a class is not
                yield inner
            yield from functions(inner)


def last_line(code: CodeType) -> int:
    own = max(end or 0 for _, end, _, _ in code.co_positions())
    return max([own, *(last_line(inner) for inner in code.co_consts if isinstance(inner, CodeType))])


def test_every_module_says_what_it_is() -> None:
    assert [name(path) for path in modules() if not re.match(r'(?:#.*\n)*r?"""\S', text_of(path))] == []


def test_no_module_is_longer_than_400_lines() -> None:
    lengths = {name(path): len(text_of(path).splitlines()) for path in modules()}
    long = {path for path, lines in lengths.items() if lines > MODULE_LINES_MAX}
    assert long == set(DECLARATIONS), "too long, or no longer in need of an exception"


def test_no_function_is_longer_than_60_lines() -> None:
    lengths = {
        f"{name(path)}:{one.co_name}": last_line(one) - one.co_firstlineno + 1
        for path in modules()
        for one in functions(compile(text_of(path), path.name, "exec", dont_inherit=True))
    }
    assert {where: lines for where, lines in lengths.items() if lines > FUNCTION_LINES_MAX} == {}


@pytest.mark.parametrize("lines", [1, 60, 61])
def test_a_function_is_measured_from_its_name_to_its_last_bracket(lines: int) -> None:
    source = (
        ("class A:\n    def f(self):\n        return max(" + "\n" * (lines - 2) + ")") if lines > 1 else "def f(): pass"
    )
    (function,) = functions(compile(source, "a.py", "exec"))
    assert last_line(function) - function.co_firstlineno + 1 == lines


def test_every_package_folder_is_a_package() -> None:
    folders = {path.parent for path in tracked(*PACKAGES, "tests/support") if path.suffix == ".py"}
    assert sorted(str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()) == []
