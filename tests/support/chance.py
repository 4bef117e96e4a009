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


#: Where letters come from: plain ones, controls, accents that stand alone, spaces and marks that nobody sees, wide
#: ones, ones of nobody, pictures, and all there are on either side of the surrogates.
_LETTERS = (
    (0x20, 0x7E),
    (0x20, 0x7E),
    (0x00, 0x24F),
    (0x300, 0x36F),
    (0x600, 0x6FF),
    (0x2000, 0x206F),
    (0xFE00, 0xFFFF),
    (0xE000, 0xE0FF),
    (0x1F300, 0x1F6FF),
    (0x0000, 0xD7FF),
    (0xE000, 0x10FFFF),
)


def any_text(draw: random.Random, most: int) -> str:
    """Return a text of at most so many letters, each from anywhere in Unicode."""
    return "".join(chr(draw.randint(*draw.choice(_LETTERS))) for _ in range(draw.randint(0, most)))
