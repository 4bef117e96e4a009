"""Switching a rule off for a while: attributes of classes and modules are replaced, and put back whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


class Switches:
    """What was replaced, so that it can be put back."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []

    def set(self, owner: Any, name: str, value: Any) -> Any:
        """Replace an attribute; return what was there."""
        before = getattr(owner, name)
        self._before.append((owner, name, before))
        setattr(owner, name, value)
        return before

    def restore(self) -> None:
        """Put everything back."""
        while self._before:
            owner, name, value = self._before.pop()
            setattr(owner, name, value)


@dataclass(frozen=True)
class Rule:
    """A protective rule: how to switch it off, in which weather it shows, and a seed that is known to find it.

    `source` names where the rule is written down: a rule of the protocol (P2 ...) or a step of the engine.
    """

    name: str
    source: str
    says: str
    off: Callable[[Switches], None]
    weather: str
    seed: int

    @contextmanager
    def switched_off(self) -> Iterator[None]:
        """Run what is inside without the rule."""
        switches = Switches()
        try:
            self.off(switches)
            yield
        finally:
            switches.restore()
