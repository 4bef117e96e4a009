"""Small parts of the engine: clock, options, partitioner, log, timers, crash file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from streams.clock import Clock, ManualClock
from streams.crash_file import CrashFile
from streams.memory.log import PartitionLog, Transaction, TransactionStatus
from streams.murmur2 import murmur2, partition_of
from streams.options import EngineOptions
from streams.stage import Batch, Message, TopicPartition
from tests.support.log_drawing import drawing


def test_the_default_clock_changes_nothing() -> None:
    clock = Clock()
    assert clock.map(1_700_000_000_123) == 1_700_000_000_123
    assert abs(clock.now_ms() - clock.real_ms()) < 1000
    assert clock.seconds_until(clock.now_ms() - 5) == 0


@pytest.mark.parametrize(("rate", "later"), [(1.0, 3600_000), (60.0, 60 * 3600_000), (0.5, 1800_000)])
def test_a_pretended_clock_is_linear(rate: float, later: int) -> None:
    clock = Clock(start_ms=5_000, anchor_ms=1_000_000, rate=rate)
    assert clock.map(1_000_000) == 5_000
    assert clock.map(1_000_000 + 3600_000) == 5_000 + later


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_time_must_go_on(rate: float) -> None:
    with pytest.raises(ValueError, match="clock rate"):
        Clock(rate=rate)


def test_a_jump_of_the_wall_clock_is_no_passing_of_time() -> None:
    clock = ManualClock(100)
    clock.advance(50)
    clock.jump(10)
    assert (clock.now_ms(), clock.monotonic_ms()) == (10, 50)


@pytest.mark.parametrize("wrong", [{"epoch_records_max": 0}, {"linger_ms_max": -1}, {"rest_ms_min": 9000}])
def test_options_are_checked(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        EngineOptions(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_javas(key: bytes, expected: int) -> None:
    """Source: Apache Kafka, `UtilsTest.testMurmur2`."""
    assert murmur2(key) == expected % 2**32
    assert partition_of(key, 7) == (expected % 2**31) % 7


def test_a_log_stops_at_its_open_transaction() -> None:
    log = PartitionLog(TopicPartition("t", 0))
    one, two = Transaction("a", 0, 0), Transaction("b", 0, 0)
    log.append(0, None, b"x", (), one)
    log.append(0, None, b"y", (), two)
    log.append(0, None, b"z", ())
    assert (drawing(log), log.last_stable, log.end) == ("x? y? z", 0, 3)
    one.status = TransactionStatus.ABORTED
    log.mark(one, 0)
    assert (drawing(log), log.last_stable) == ("(x) y? z A", 1)
    two.status = TransactionStatus.COMMITTED
    log.mark(two, 0)
    assert drawing(log) == "(x) y z A C"
    assert [m.offset for m in log.committed(0, 9, 9)[0]] == [1, 2]
    log.cut(2)
    assert (log.start, log.end, [m.offset for m in log.committed(0, 9, 9)[0]]) == (2, 5, [2])


def flight(first: int, count: int) -> list[Batch]:
    messages = [Message("raw", 0, first + n, 0, None, None) for n in range(count)]
    return [Batch("raw", 0, messages)]


def died(path: Path, first: int, count: int) -> CrashFile:
    """A life that ends while these records are processed; returns the next life's file."""
    life = CrashFile(path)
    life.mark(flight(first, count))
    return CrashFile(path)


def test_a_clean_life_blames_nobody(tmp_path: Path) -> None:
    path = tmp_path / "worker" / "crashes"
    for _ in range(5):
        life = CrashFile(path)
        life.mark(flight(0, 3))
        life.clear()
        life.close()
    assert CrashFile(path).blamed() == []


def test_two_deaths_at_the_same_place_mean_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "crashes"
    assert died(path, 4, 10).blamed() == []
    (crash,) = died(path, 4, 12).blamed()
    assert (crash.topic, crash.partition, crash.first, crash.until, crash.kills) == ("raw", 0, 4, 16, False)


def test_deaths_at_different_places_mean_nothing(tmp_path: Path) -> None:
    path = tmp_path / "crashes"
    for first in (0, 3, 9, 12):
        assert died(path, first, 3).blamed() == []


def test_a_death_alone_while_taken_one_by_one_is_the_culprit(tmp_path: Path) -> None:
    path = tmp_path / "crashes"
    died(path, 4, 10)
    died(path, 4, 10)
    (crash,) = died(path, 7, 1).blamed()
    assert (crash.first, crash.kills) == (7, True)
    (again,) = CrashFile(path).blamed()
    assert again == crash, "a life that dies before it could act leaves the finding in place"


def test_a_committed_offset_behind_the_place_forgives(tmp_path: Path) -> None:
    path = tmp_path / "crashes"
    died(path, 4, 3)
    life = died(path, 4, 3)
    life.committed(TopicPartition("raw", 0), 6)
    assert life.blamed()
    life.committed(TopicPartition("raw", 0), 7)
    assert life.blamed() == CrashFile(path).blamed() == []


@pytest.mark.parametrize("rubbish", [b"", b"\x00\xff", b"[1, 2", b"{}\n"])
def test_an_unreadable_crash_file_is_an_empty_one(tmp_path: Path, rubbish: bytes) -> None:
    (tmp_path / "crashes").write_bytes(rubbish)
    assert CrashFile(tmp_path / "crashes").blamed() == []


def test_a_mark_survives_a_kill(tmp_path: Path) -> None:
    """The process is killed with -9 right after it has marked; the next one reads the mark."""
    path = tmp_path / "crashes"
    program = (
        "import os, signal, sys; from pathlib import Path;"
        "from streams.crash_file import CrashFile; from streams.stage import Batch, Message;"
        "CrashFile(Path(sys.argv[1])).mark([Batch('raw', 0, [Message('raw', 0, 4, 0, None, None)])]);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", program, str(path)], timeout=30, check=False)
        assert done.returncode == -9
    (crash,) = CrashFile(path).blamed()
    assert (crash.first, crash.kills) == (4, True)
