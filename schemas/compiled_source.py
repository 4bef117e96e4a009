"""The lines of one generated function, and what readers and writers know of a schema alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas.records import Record
from schemas.repeated import REPEATED

Schema = Mapping[str, Any]


def chosen(schema: Schema, only: Sequence[str]) -> list[Any]:
    """Return the fields of a record, or those of these names, which must follow each other; else ValueError."""
    fields = [field for field in schema["fields"] if not only or field["name"] in only]
    if only and [field["name"] for field in fields] != list(only):
        raise ValueError(f"{schema['name']} has no fields {', '.join(only)} in that order")
    return fields


def branch_of(union: list[Any]) -> Any:
    """Return the other branch of ["null", X], the only union that our schemas use."""
    if len(union) != 2 or union[0] != "null":
        raise ValueError('our schemas use no unions but ["null", X]')
    return union[1]


class Source:
    """The lines of one function and the names that it may use."""

    def __init__(self, schema: Schema, types: Mapping[str, type[Record]], names: Mapping[str, Any]) -> None:
        self._types = types
        self._schemas: dict[str, Schema] = {}
        self._lines: list[str] = []
        self._depth = 1
        self._names = 0
        self._globals: dict[str, Any] = dict(names)
        self._collect(schema)

    def function(self, name: str, arguments: str) -> Any:
        """Compile the lines collected so far into a function."""
        text = "\n".join([f"def {name}({arguments}):", *self._lines])
        exec(compile(text, f"<{name} of {', '.join(self._schemas)}>", "exec"), self._globals)  # noqa: S102 - our own lines
        return self._globals[name]

    def know(self, schemas: Mapping[str, Schema]) -> None:
        """Let the schema name these records."""
        self._schemas = {**schemas, **self._schemas}

    def line(self, text: str) -> None:
        """Add a line at the present depth."""
        self._lines.append("    " * self._depth + text)

    def _repeats(self, schema: Schema) -> bool:
        """Whether it is an array of records that repeat from lead to lead."""
        if schema["type"] != "array":
            return False
        item = self._resolved(schema["items"])
        return isinstance(item, dict) and item.get("name") in REPEATED

    def _lines_of(self, *texts: str) -> None:
        for text in texts:
            self.line(text)

    def _indented(self, add: Callable[[], object]) -> None:
        self._depth += 1
        add()
        self._depth -= 1

    def _fresh(self, stem: str) -> str:
        self._names += 1
        return f"{stem}{self._names}"

    def _resolved(self, schema: Any) -> Any:
        """Return the definition behind a name, and a primitive without its wrapping."""
        if isinstance(schema, str):
            return self._schemas.get(schema, schema)
        if isinstance(schema, dict) and schema["type"] not in ("record", "array", "map"):
            return schema if schema.get("logicalType") == "timestamp-millis" else schema["type"]
        return schema

    def _collect(self, schema: Any) -> None:
        if isinstance(schema, list):
            for branch in schema:
                self._collect(branch)
        elif isinstance(schema, dict):
            if schema["type"] == "record":
                self._schemas[f"leadflow.{schema['name']}"] = schema
                for field in schema["fields"]:
                    self._collect(field["type"])
            self._collect(schema.get("items", schema.get("values")))
