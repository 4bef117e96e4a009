"""A module fits in the head: it says what it is, and it ends in time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.checkout import PACKAGES, ROOT, tracked

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60


STATEMENTS = ("body", "orelse", "finalbody", "handlers", "cases")
DECLARATIONS = {"schemas/records.py": "one declaration after another, no logic; split, the records would not be found"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def modules() -> list[Path]:
    return [ROOT / "leadflow", *(path for path in tracked(*PACKAGES, "tests") if path.suffix == ".py")]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield all of them, nested ones included; only statements hold any, which are a tenth of all nodes."""
    for field in STATEMENTS:
        for node in getattr(tree, field, ()):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node
            yield from functions(node)


def test_every_module_says_what_it_is() -> None:
    assert [name(path) for path in modules() if not ast.get_docstring(tree_of(path))] == []


def test_no_module_is_longer_than_400_lines() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    long = {path for path, lines in lengths.items() if lines > MODULE_LINES_MAX}
    assert long == set(DECLARATIONS), "too long, or no longer in need of an exception"


def test_no_function_is_longer_than_60_lines() -> None:
    lengths = {
        f"{name(path)}:{one.name}": one.end_lineno - one.lineno + 1
        for path in modules()
        for one in functions(tree_of(path))
        if one.end_lineno
    }
    assert {where: lines for where, lines in lengths.items() if lines > FUNCTION_LINES_MAX} == {}


def test_every_package_folder_is_a_package() -> None:
    folders = {path.parent for path in tracked(*PACKAGES, "tests/support") if path.suffix == ".py"}
    assert sorted(str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()) == []
