"""Restores that fail: what a person must mend ends the worker as it is, and is not tried again and again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from schemas.errors import Fenced, LeadflowError, NeedsPerson
from tests.simulation.rig import World


@pytest.mark.parametrize("kind", [NeedsPerson, Fenced])
def test_what_a_restore_may_not_do_ends_the_worker_as_it_says(
    kind: type[LeadflowError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that do not suffice are mended by a person: to start again and again tells nobody so."""
    world = World(partitions=2)
    first = world.worker("w0")
    world.send("a", "k0", partition=0)
    world.settle(first)
    first.engine.stop()
    worker = world.worker("w1")

    def refused(*_: object) -> Iterable[Any]:
        raise kind("Kafka refuses this worker")
        yield

    monkeypatch.setattr(worker.client, "read_entries", refused)
    with pytest.raises(kind, match="refuses this worker"):
        worker.run(50)
