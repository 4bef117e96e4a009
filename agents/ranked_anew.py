"""Which plan a router must have before it ranks a right anew whose terms had changed (rule 14).

An owner hears of a plan by its inbox, a router by the plan's own topic, a moment later perhaps. A router that ranked
the right again by the plan by which it was just declined would waste the one return that it has.
The version rides in a header of the Offer and the Reroute, as the right's last will does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: The header's name.
HEADER: Final = "plan-needed"

#: How long a router waits for that plan, counted from the last refusal: far longer than a plan is ever on its way.
WAIT_MS: Final = 10_000

Headers = tuple[tuple[str, bytes], ...]


def with_plan_needed(headers: Headers, version: int) -> Headers:
    """Return the headers saying that a router needs this version of the plan, or the later one that they name."""
    others = tuple(header for header in headers if header[0] != HEADER)
    return (*others, (HEADER, b"%d" % max(version, plan_needed(headers))))


def plan_needed(headers: Iterable[tuple[str, bytes]]) -> int:
    """Return the version of the plan that the headers name, 0 when they name none."""
    value = next((value for name, value in headers if name == HEADER), b"")
    return int(value) if value.isdigit() else 0
