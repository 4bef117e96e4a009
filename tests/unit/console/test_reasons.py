"""Every reason code has words, in one place of the list, and stories say them."""

from __future__ import annotations

from console.reasons import DECLINED, FAULTS, REJECTED, UNSOLD, WORDS, in_words
from schemas.reasons import Reason


def test_every_code_has_words_once() -> None:
    assert set(WORDS) == set(Reason)
    assert sum(map(len, (REJECTED, FAULTS, DECLINED, UNSOLD))) + 1 == len(Reason)
    assert len(set(WORDS.values())) == len(WORDS)


def test_a_code_of_a_newer_release_has_no_words() -> None:
    assert in_words("NO_BUYERS").startswith("no further buyer was left")
    assert "`" not in in_words("STALE")
    assert in_words("FULL_MOON") == ""
