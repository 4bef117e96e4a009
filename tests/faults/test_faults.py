"""A handful of the faults of `leadflow faults`, by name, one after the other on one stand; then the auditor.

The expected end state, whatever was struck when (I1-I4 of the protocol):

    leads.received   n records, each with exactly one end: unique, or rejected with its reason
    leads.closed     each unique lead once; sold + unfilled rights = its rights
    buyers.*.leads   what leads.sold says, nothing twice
    caps             the twelve capped buyers exactly full, none passed

All of them, each on a stand of its own: `leadflow faults run`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console.faults.all_faults import CATALOGUE
from console.faults.load import Load
from console.faults.stand import Needs, stand
from console.faults.trial import Trial
from console.faults.watch import Watch

HERE = ("kill-offsets-sent", "redis-wiped", "broker-killed", "zombie", "offsets-reset")
RATE = 50.0

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """Two workers under load."""
    with (
        stand(Needs(), tmp_path_factory.mktemp("faults"), print) as here,
        Watch(here.way) as watch,
        Load(here.way, RATE, lambda: watch.ended) as load,
    ):
        trial = Trial(here, load, watch)
        trial.warm_up()
        yield trial


@pytest.mark.parametrize("name", HERE)
def test_work_goes_on_after(trial: Trial, name: str) -> None:
    fault = CATALOGUE[name]
    assert fault.needs == Needs(), "it can share the stand"
    before = len(trial.recoveries)
    assert fault.scenario is not None
    fault.scenario(trial)
    struck = trial.recoveries[before:]
    assert struck, "no fault that counts"
    assert all(one.in_flight > 0 for one in struck)


def test_after_all_of_them_the_books_are_exact(trial: Trial) -> None:
    trial.drain()
    assert trial.judge().startswith("0 lost, 0 sold twice, 0 over cap, 12 caps exactly full")
