"""The list of violations that can be planted, each with the rule that must find it, and how one is added to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from console.audit.findings import Place, Rule
from console.audit.history import History
from schemas.records import LeadSold
from streams.stage import Message


class Violation(NamedTuple):
    """A kind of violation: its name, the rule that finds it, and what plants it (raises NotHere).

    A planting changes a copy of the topics as a fault would leave them, and returns the record that must be named.
    """

    name: str
    rule: Rule
    plant: Callable[[History], Place]


VIOLATIONS: list[Violation] = []


def violates(rule: Rule) -> Callable[[Callable[[History], Place]], Callable[[History], Place]]:
    """Register a planting under the words of its name."""

    def register(plant: Callable[[History], Place]) -> Callable[[History], Place]:
        VIOLATIONS.append(Violation(plant.__name__.replace("_", " "), rule, plant))
        return plant

    return register


def live(sale: LeadSold) -> bool:
    """Whether a sale is none of a test lead."""
    return not sale.test


def place(message: Message) -> Place:
    """Return where a record stands."""
    return Place(*message[:3])
