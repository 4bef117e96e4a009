"""How often Python looks for cycles: rarely, where almost nothing makes any."""

from __future__ import annotations

import gc
from typing import Final

#: Objects made and not gone before the youngest are looked at, and how many such looks make one at the older ones.
THRESHOLDS: Final = (100_000, 50, 100)


def collect_rarely() -> None:
    """Look for cycles rarely from now on, and never among what is loaded.

    What leads leave behind has no cycles, in a worker or in the auditor (records are frozen and not tracked), and goes
    by its reference count. Looking for some took a seventh of a worker's CPU a lead, an eighth of the auditor's.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    gc.enable()
