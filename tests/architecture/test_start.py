"""What a worker loads, and when: most of a restart is Python loading modules, and Kafka works meanwhile."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

from tests.support.checkout import ROOT

#: What the rest of a worker needs, and taking its name does not.
HEAVY = {"agents.worker", "faust", "aiohttp", "redis", "prometheus_client", "config.plan", "phonenumbers", "fastavro"}
#: What only people's commands and tests need.
OF_THE_CONSOLE = {"console", "rich", "click", "httpx", "psutil", "requests", "jgo", "pytest"}
MODULES_MAX = 1110


@cache
def loaded(module: str) -> frozenset[str]:
    """Return the names of all modules that a fresh Python has loaded after this one."""
    command = [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"]
    return frozenset(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split())


def test_the_name_is_taken_before_anything_heavy_is_loaded() -> None:
    assert loaded("agents.start") & HEAVY == set()


def test_a_worker_loads_nothing_of_the_console() -> None:
    names = loaded("agents.worker")
    assert names >= HEAVY, "then it would not guard anything"
    assert names & OF_THE_CONSOLE == set()


def test_a_worker_loads_no_more_modules_than_it_did() -> None:
    assert len(loaded("agents.worker")) <= MODULES_MAX
