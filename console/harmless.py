"""Text that came from outside as a terminal may show it: signs that would steer the terminal are made visible."""

from __future__ import annotations

import re

#: What terminals obey instead of showing it: control characters, all but tab and line end, and what turns the
#: direction of writing.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
#: Stands for each of them; one column wide.
INSTEAD = "\ufffd"


def harmless(text: str) -> str:
    """Return the text with each sign that would steer a terminal replaced; any other text as it is."""
    return _STEERING.sub(INSTEAD, text)
