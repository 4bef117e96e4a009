"""Whether what one schema wrote can be read by another, by Avro's rules of schema resolution; pure, all problems named.

Resolution is asked for two reasons: before an upstream team's schema is accepted, and before a change of ours is
released (old bytes by new readers, and new bytes by old ones, because workers are replaced one after the other).
Beyond Avro's own rules a difference of logical types is a problem: microseconds read as milliseconds are a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastavro import parse_schema

Names = dict[str, Any]

_PROMOTIONS = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}
_COMPLEX = ("record", "enum", "fixed", "array", "map")

#: Deeper schemas are refused: a reader goes as deep as the schema does.
DEPTH_MAX = 32


def resolution_problems(writer: Any, reader: Any) -> list[str]:
    """Return why values of `writer` cannot all be read as `reader`; [] when they can."""
    return _Resolution(writer, reader).all()


def change_problems(released: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Return what a change of a released schema breaks, in either direction; [] when nothing."""
    return [
        *(f"new readers, old records: {problem}" for problem in resolution_problems(released, current)),
        *(f"old readers, new records: {problem}" for problem in resolution_problems(current, released)),
    ]


def hazards(schema: Any) -> list[str]:
    """Return what makes a foreign schema unsafe to read hostile bytes with: recursion, depth, items without bytes."""
    parsed, names = _parsed(schema)
    return list(_hazards(parsed, names, (), ""))


class _Resolution:
    """One comparison of two schemas and the names that each defines."""

    def __init__(self, writer: Any, reader: Any) -> None:
        self._writer, self._written = _parsed(writer)
        self._reader, self._read = _parsed(reader)

    def all(self) -> list[str]:
        """Return what is wrong anywhere."""
        return list(self._problems(self._writer, self._reader, "", 0))

    def _problems(self, writer: Any, reader: Any, path: str, depth: int) -> Iterator[str]:
        """Yield what is wrong at `path`, such as `fields.email`."""
        writer, reader = _definition(writer, self._written), _definition(reader, self._read)
        if depth > DEPTH_MAX:
            yield f"{_at(path)} is nested more than {DEPTH_MAX} deep"
        elif isinstance(writer, list):
            for branch in writer:
                yield from self._problems(branch, reader, path, depth + 1)
        elif isinstance(reader, list):
            yield from self._any_branch(writer, reader, path, depth)
        elif _kind(writer) in _COMPLEX or _kind(reader) in _COMPLEX:
            yield from self._complex(writer, reader, path, depth)
        else:
            yield from _primitive(writer, reader, path)

    def _any_branch(self, writer: Any, reader: list[Any], path: str, depth: int) -> Iterator[str]:
        found = [list(self._problems(writer, branch, path, depth + 1)) for branch in reader]
        if all(found):
            near = [problems for problems, branch in zip(found, reader, strict=True) if _kind(branch) == _kind(writer)]
            kinds = " or ".join(_name_of(_definition(branch, self._read)) for branch in reader)
            yield from near[0] if near else [f"{_at(path)} is {_name_of(writer)}, and read as {kinds}"]

    def _complex(self, writer: Any, reader: Any, path: str, depth: int) -> Iterator[str]:
        kind = _kind(writer)
        if kind != _kind(reader):
            yield f"{_at(path)} is {_name_of(writer)}, and read as {_name_of(reader)}"
        elif kind == "array":
            yield from self._problems(writer["items"], reader["items"], f"{path}[]", depth + 1)
        elif kind == "map":
            yield from self._problems(writer["values"], reader["values"], f"{path}{{}}", depth + 1)
        elif not _same_name(writer, reader):
            yield f"{_at(path)} is named {_short(writer)}, and read as {_short(reader)}"
        elif kind == "record":
            yield from self._record(writer, reader, path, depth)
        elif kind == "enum":
            yield from _enum(writer, reader, path)
        elif writer["size"] != reader["size"]:
            yield f"{_at(path)} has {writer['size']} bytes, and is read as {reader['size']}"

    def _record(self, writer: Any, reader: Any, path: str, depth: int) -> Iterator[str]:
        written = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            names = (field["name"], *field.get("aliases", ()))
            match = next((written[name] for name in names if name in written), None)
            inner = f"{path}.{field['name']}".lstrip(".")
            if match is not None:
                yield from self._problems(match["type"], field["type"], inner, depth + 1)
            elif "default" not in field:
                yield f"{inner} is not written, and has no default"


def _primitive(writer: Any, reader: Any, path: str) -> Iterator[str]:
    wrote, reads = _kind(writer), _kind(reader)
    if wrote != reads and reads not in _PROMOTIONS.get(wrote, ()):
        yield f"{_at(path)} is {wrote}, and read as {reads}"
    logical = _logical(writer), _logical(reader)
    if all(logical) and logical[0] != logical[1]:
        yield f"{_at(path)} is in {logical[0]}, and read as {logical[1]}"


def _enum(writer: Any, reader: Any, path: str) -> Iterator[str]:
    unknown = [symbol for symbol in writer["symbols"] if symbol not in reader["symbols"]]
    if unknown and "default" not in reader:
        yield f"{_at(path)} has symbols that are not known: {', '.join(unknown)}"


def _hazards(schema: Any, names: Names, above: tuple[str, ...], path: str) -> Iterator[str]:
    schema = _definition(schema, names)
    if len(above) > DEPTH_MAX:
        yield f"{_at(path)} is nested more than {DEPTH_MAX} deep"
    elif isinstance(schema, list):
        for branch in schema:
            yield from _hazards(branch, names, (*above, ""), path)
    elif _kind(schema) in ("array", "map"):
        items = schema.get("items", schema.get("values"))
        if _kind(schema) == "array" and _may_be_empty(items, names, 0):
            yield f"{_at(path)} is an array of items that take no bytes: its length has no limit"
        yield from _hazards(items, names, (*above, ""), f"{path}[]")
    elif _kind(schema) == "record":
        if schema["name"] in above:
            yield f"{_at(path)} is recursive: {_short(schema)} holds itself"
            return
        for field in schema["fields"]:
            yield from _hazards(field["type"], names, (*above, schema["name"]), f"{path}.{field['name']}".lstrip("."))


def _may_be_empty(schema: Any, names: Names, depth: int) -> bool:
    """Whether a value of this schema can take no bytes at all; unions always take a byte."""
    schema = _definition(schema, names)
    if depth > DEPTH_MAX or isinstance(schema, list):
        return False
    if _kind(schema) == "record":
        return all(_may_be_empty(field["type"], names, depth + 1) for field in schema["fields"])
    return _kind(schema) == "null" or (_kind(schema) == "fixed" and not schema["size"])


def _parsed(schema: Any) -> tuple[Any, Names]:
    """Return the schema with full names everywhere, and its named types. Raises SchemaParseException."""
    names: Names = {}
    return parse_schema(schema, names), names


def _definition(schema: Any, names: Names) -> Any:
    """Return what a name stands for; a dict that only wraps a type is unwrapped."""
    if isinstance(schema, dict) and (isinstance(schema["type"], dict | list) or schema["type"] in names):
        return _definition(schema["type"], names)
    return names.get(schema, schema) if isinstance(schema, str) else schema


def _kind(schema: Any) -> str:
    return str(schema["type"]) if isinstance(schema, dict) else str(schema)


def _logical(schema: Any) -> str | None:
    return schema.get("logicalType") if isinstance(schema, dict) else None


def _short(schema: Mapping[str, Any]) -> str:
    return str(schema["name"]).rpartition(".")[2]


def _name_of(schema: Any) -> str:
    if isinstance(schema, list):
        return " or ".join(_name_of(branch) for branch in schema)
    return f"{_kind(schema)} {_short(schema)}" if isinstance(schema, dict) and "name" in schema else _kind(schema)


def _same_name(writer: Mapping[str, Any], reader: Mapping[str, Any]) -> bool:
    """Whether the unqualified names are the same, or the reader knows the writer's by an alias."""
    aliases: Iterable[str] = reader.get("aliases", ())
    return _short(writer) == _short(reader) or writer["name"] in aliases or _short(writer) in aliases


def _at(path: str) -> str:
    return path or "the value"
