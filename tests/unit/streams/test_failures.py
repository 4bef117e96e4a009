"""What a failure means: by its error, and whether it is about records at all."""

from __future__ import annotations

import pytest

from schemas.errors import EpochLost, Overtaken, PartitionStop, Poison, Unavailable
from streams.epoch import Failure
from streams.failures import Meaning, meaning_of
from streams.stage import Batch, Message

BATCH = Batch("raw", 0, [Message("raw", 0, 4, 0, None, None)])


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (EpochLost("refused"), Meaning.TRANSACTION),
        (Overtaken(("raw", 0), 4), Meaning.TRANSACTION),
        (Unavailable("away"), Meaning.WORLD),
        (PartitionStop("cut"), Meaning.LANE),
        (Poison("garbage"), Meaning.RECORD),
        (KeyError("bug"), Meaning.RECORD),
    ],
)
def test_the_error_says_what_has_failed(error: Exception, meaning: Meaning) -> None:
    assert meaning_of(Failure(error, batches=(BATCH,))) is meaning


def test_a_bug_in_a_hook_that_is_about_no_record_stops_its_lane() -> None:
    assert meaning_of(Failure(KeyError("bug"))) is Meaning.LANE


@pytest.mark.parametrize("error", [EpochLost("refused"), Unavailable("away")])
def test_what_passes_by_itself_stops_no_lane(error: Exception) -> None:
    assert meaning_of(Failure(error)) in (Meaning.TRANSACTION, Meaning.WORLD)
