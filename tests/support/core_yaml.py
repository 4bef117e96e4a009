"""Load YAML as compose, Prometheus and editors do: by the core schema of YAML 1.2, where `NO` and `22:30` are texts."""

from __future__ import annotations

import re
from typing import Any

import yaml


class CoreLoader(yaml.CSafeLoader):
    """PyYAML's own rules are those of YAML 1.1, in which `NO` is false and `22:30` a number: merging alone is kept."""


CoreLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("merge", r"<<", "<"),
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), [*_first, ""] if _tag == "null" else list(_first)
    )


def load(text: str) -> Any:
    """Return what a document says."""
    return yaml.load(text, Loader=CoreLoader)  # noqa: S506 - a safe loader with other words for booleans and numbers
