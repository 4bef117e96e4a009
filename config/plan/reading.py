"""Read YAML as the text that was written, with the place of every word, and nothing else of YAML.

A plan is untrusted until it is checked: there are no anchors, aliases, merge keys or tags (an alias is how a few
lines become a billion), no second document, and sizes, depth and counts are limited. No scalar is ever guessed to
be a boolean, a number or a time: `NO` stays the text NO and `22:30` the text 22:30.
libyaml finds the words (5,000 contracts in a second); what they may be is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.reader import ReaderError

from config.plan.problems import Place, PlanProblems, Problem

#: All files of a plan together, in bytes: with the checked form they travel in one record of at most 8 MiB.
SOURCE_BYTES_MAX = 3 * 1024 * 1024
#: Files of a folder; more are surely not one plan.
FILES_MAX = 1_000
#: Lists and mappings inside each other; the language itself needs about 12.
DEPTH_MAX = 32

#: YAML counts these as ends of lines and editors do not: with one of them, every line told below it would be wrong.
_ODD_BREAK = re.compile("[\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar: its text, never interpreted. `empty` tells a missing value from a quoted empty text."""

    value: str
    place: Place
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list, in the order written."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping: key -> (place of the key, value), in the order written; keys are single."""

    items: dict[str, tuple[Place, Node]]
    place: Place


Node = Text | Sequence | Entries


class _Broken(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


def read_files(path: Path) -> dict[str, str]:
    """Return the texts of a plan: file name (relative to a folder) -> text.

    Args:
        path: a YAML file, or a folder of which every `*.yaml` and `*.yml` belongs to the plan, sorted by name;
            hidden files and folders are left out.

    Raises:
        PlanProblems: nothing is there, it is too much, or it is not UTF-8.
    """
    if not path.exists():
        raise PlanProblems([Problem(str(path), 1, "", "there is no such file or folder", "")])
    files = {path.name: path} if path.is_file() else _files_of(path)
    if not files:
        raise PlanProblems([Problem(str(path), 1, "", "the folder has no *.yaml file", "put the plan's files there")])
    if len(files) > FILES_MAX:
        raise PlanProblems([Problem(str(path), 1, "", f"the folder has more than {FILES_MAX} YAML files", "")])
    total = sum(file.stat().st_size for file in files.values())
    if total > SOURCE_BYTES_MAX:
        what = f"the plan has {total:,} bytes, the most is {SOURCE_BYTES_MAX:,}"
        raise PlanProblems([Problem(str(path), 1, "", what, "")])
    return {name: _decode(name, file.read_bytes()) for name, file in files.items()}


def read_tree(sources: Mapping[str, str]) -> tuple[Entries, list[Problem]]:
    """Parse the files of a plan and join them to one mapping; what can be read is read, for more problems at once.

    Sections that several files have (`campaigns`, `suppliers`, `buyers`) are joined; an id given twice is a
    problem, and so is a setting (`currency` ...) that two files give differently.

    Raises:
        PlanProblems: a file cannot be read at all; without it, nothing can be said of what the plan lacks.
    """
    problems: list[Problem] = []
    roots: list[Entries] = []
    for name, text in sorted(sources.items()):
        try:
            roots.append(_Builder(name, problems).document(text))
        except _Broken as broken:
            problems.append(broken.problem)
    if len(roots) < len(sources):
        raise PlanProblems(problems)
    return _join(roots, problems), problems


def _files_of(folder: Path) -> dict[str, Path]:
    found = {}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        if file.suffix in {".yaml", ".yml"} and file.is_file() and not any(p.startswith(".") for p in name.parts):
            found[name.as_posix()] = file
    return found


def _decode(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise PlanProblems([Problem(name, line, "", "this is not UTF-8 text", "save the file as UTF-8")]) from None


def _join(roots: list[Entries], problems: list[Problem]) -> Entries:
    joined: dict[str, tuple[Place, Node]] = {}
    for root in roots:
        for key, (place, node) in root.items.items():
            if key not in joined:
                joined[key] = (place, node)
                continue
            joined[key] = (joined[key][0], _join_one(key, joined[key][1], node, problems))
    return Entries(joined, roots[0].place if roots else Place("plan", 1, 1))


def _join_one(key: str, first: Node, second: Node, problems: list[Problem]) -> Node:
    place = second.place
    if isinstance(first, Text) and isinstance(second, Text):
        if first.value != second.value:
            what = f"is {second.value!r} here and {first.value!r} in {first.place}"
            problems.append(Problem(place.file, place.line, key, what, "say it in one file"))
        return first
    if not (isinstance(first, Entries) and isinstance(second, Entries)):
        what = f"does not fit with {first.place}"
        problems.append(Problem(place.file, place.line, key, what, "each file's section is a mapping of ids"))
        return first
    items = dict(first.items)
    for name, (where, node) in second.items.items():
        if name in items:
            what = f"is given twice, first in {items[name][0]}"
            problems.append(Problem(where.file, where.line, f"{key}.{name}", what, "an id stands once in a plan"))
        else:
            items[name] = (where, node)
    return Entries(items, first.place)


class _Builder:
    """Builds the tree of one file from the events of the YAML parser."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems
        self._depth = 0

    def document(self, text: str) -> Entries:
        root: Node | None = None
        if odd := _ODD_BREAK.search(text):
            what = f"a line break of another kind (U+{ord(odd[0]):04X}) stands here"
            raise _Broken(
                Problem(self._file, _line_at(text[: odd.start()]), "", what, "leave it out, or begin a new line")
            )
        try:
            events = iter(yaml.parse(text, Loader=yaml.CSafeLoader))
            for event in events:
                if isinstance(event, DocumentStartEvent):
                    if root is not None:
                        raise self._broken(event, "a second document begins here", "one file is one document")
                    root = self._node(next(events), events)
        except MarkedYAMLError as error:
            raise self._unreadable(error) from None
        except ReaderError as error:
            what = f"this is not YAML: the character U+{error.character:04X} cannot stand in a text"
            line = _line_at(text.encode()[: error.position].decode(errors="replace"))
            raise _Broken(Problem(self._file, line, "", what, "leave it out")) from None
        except YAMLError as error:
            raise _Broken(Problem(self._file, 1, "", f"this is not YAML: {_first_line(error)}", "")) from None
        if not isinstance(root, Entries):
            raise _Broken(Problem(self._file, 1, "", "a plan is a mapping of keys", "begin with `leadflow: 1`"))
        return root

    def _node(self, event: Any, events: Iterator[Any]) -> Node:
        self._refuse_sharing(event)
        if isinstance(event, ScalarEvent):
            empty = event.value == "" and event.style not in ("'", '"')
            return Text(event.value, self._place(event), empty)
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._broken(event, f"more than {DEPTH_MAX} levels inside each other", "")
        node = self._sequence(event, events) if isinstance(event, SequenceStartEvent) else self._mapping(event, events)
        self._depth -= 1
        return node

    def _sequence(self, start: SequenceStartEvent, events: Iterator[Any]) -> Sequence:
        items = []
        while not isinstance(event := next(events), SequenceEndEvent):
            items.append(self._node(event, events))
        return Sequence(tuple(items), self._place(start))

    def _mapping(self, start: MappingStartEvent, events: Iterator[Any]) -> Entries:
        items: dict[str, tuple[Place, Node]] = {}
        while not isinstance(event := next(events), MappingEndEvent):
            key = self._node(event, events)
            value = self._node(next(events), events)
            if not isinstance(key, Text):
                self._problem(key.place, "a key is a word", "lists and mappings cannot be keys")
            elif key.value in items:
                what = f"the key `{key.value}` is given twice, first in line {items[key.value][0].line}"
                self._problem(key.place, what, "keep one of them")
            elif key.value == "<<":
                self._problem(key.place, "merge keys (<<) are not read", "write the entries out")
            else:
                items[key.value] = (key.place, value)
        return Entries(items, self._place(start))

    def _refuse_sharing(self, event: Any) -> None:
        if isinstance(event, AliasEvent):
            raise self._broken(event, f"aliases (*{event.anchor}) are not read", "write the value out")
        if event.anchor is not None:
            self._problem(self._place(event), f"anchors (&{event.anchor}) are not read", "write each value out")
        if event.tag is not None:
            self._problem(self._place(event), f"tags ({event.tag}) are not read", "every value is read as text")

    def _place(self, event: Any) -> Place:
        return Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _problem(self, place: Place, what: str, fix: str) -> None:
        self._problems.append(Problem(place.file, place.line, "", what, fix))

    def _broken(self, event: Any, what: str, fix: str) -> _Broken:
        return _Broken(Problem(self._file, self._place(event).line, "", what, fix))

    def _unreadable(self, error: MarkedYAMLError) -> _Broken:
        unended = "end of stream" in str(error.problem)  # then its beginning tells more
        mark = (error.context_mark if unended else None) or error.problem_mark
        what = f"this is not YAML: {error.problem or error.context or 'it cannot be read'}"
        return _Broken(Problem(self._file, mark.line + 1 if mark else 1, "", what, ""))


def _line_at(before: str) -> int:
    """Return the number of the line that follows this much text."""
    return before.count("\n") + 1


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
