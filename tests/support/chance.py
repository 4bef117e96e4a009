"""Examples by chance, each from a seed of its own, for tests whose inputs are made of many parts.

Hypothesis takes a fifth of a millisecond for each part that it draws, and makes a failing example smaller; a plain draw
takes a microsecond: many more examples are looked at in the same time, and a failing one is told by its seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator


def draws(count: int) -> Iterator[tuple[int, random.Random]]:
    """Yield so many sources of chance with their seeds."""
    return ((seed, random.Random(seed)) for seed in range(count))
