"""Two of the faults of `leadflow faults run 'secured-*'` on one stand, TLS and log-ins that end; then the auditor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console.faults.all_faults import CATALOGUE
from console.faults.load import Load
from console.faults.stand import Needs, stand
from console.faults.trial import Trial
from console.faults.watch import Watch

HERE = ("secured-network-resets", "secured-broker-killed")
RATE = 50.0

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """Two workers under load, one of them behind a proxy that cannot read what it passes on."""
    with (
        stand(Needs(proxy=True, secured=True), tmp_path_factory.mktemp("secured") / "stand", print) as here,
        Watch(here.way) as watch,
        Load(here.way, RATE, lambda: watch.ended) as load,
    ):
        trial = Trial(here, load, watch)
        trial.warm_up()
        yield trial


@pytest.mark.parametrize("name", HERE)
def test_work_goes_on_after(trial: Trial, name: str) -> None:
    before = len(trial.recoveries)
    scenario = CATALOGUE[name].scenario
    assert scenario is not None
    scenario(trial)
    struck = trial.recoveries[before:]
    assert struck, "no fault that counts"
    assert all(one.in_flight > 0 for one in struck)


def test_after_both_of_them_the_books_are_exact(trial: Trial) -> None:
    trial.drain()
    assert trial.judge().startswith("0 lost, 0 sold twice, 0 over cap, 12 caps exactly full")
