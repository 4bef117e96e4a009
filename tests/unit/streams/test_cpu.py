"""CPU is added up by part, and begins anew when it is taken."""

from __future__ import annotations

from time import thread_time

import pytest

from streams.cpu import Cpu


def busy_for(seconds: float) -> str:
    until = thread_time() + seconds
    while thread_time() < until:
        pass
    return "done"


def test_what_work_took_is_added_to_its_part() -> None:
    cpu = Cpu()
    assert cpu.of("dedup", lambda: busy_for(0.02)) == "done"
    cpu.of("dedup", lambda: busy_for(0.02))
    cpu.of("routing", lambda: None)
    taken = cpu.take()
    assert 0.04 <= taken["dedup"] < 0.2
    assert taken["routing"] < 0.02
    assert cpu.take() == {}


def test_work_that_fails_counts_as_well() -> None:
    cpu = Cpu()
    with pytest.raises(ZeroDivisionError):
        cpu.of("dedup", lambda: busy_for(0.01) and 1 / 0)
    assert cpu.take()["dedup"] >= 0.01
