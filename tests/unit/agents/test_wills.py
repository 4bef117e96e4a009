"""A right whose record cannot be read any more still ends, by the will in its header."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agents.endings import unfilled
from agents.wills import HEADER, execute, find_will, will_of
from schemas.errors import Poison
from schemas.reasons import Reason
from schemas.records import Right
from tests.support.leads import make_slip

RIGHT = Right(1, 0, 1, 2, 1400, "on_first_sale", "USD", 7, 5, False, 5500)


@pytest.mark.parametrize("test", [True, False])
def test_the_will_names_the_right_as_its_own_end_would(test: bool) -> None:
    slip = replace(make_slip(3, test=test), received_partition=4)
    will = find_will([("other", b"x"), (HEADER, will_of(slip, RIGHT))])
    assert will is not None
    assert execute(will, 99) == unfilled(slip, RIGHT, Reason.ERROR, (), 99)


def test_without_the_header_there_is_no_will() -> None:
    assert find_will([("other", b"x")]) is None


@pytest.mark.parametrize("will", [b"", b"a b c", b"\xff\xfe", b"a " * 16, b"a b c d e 1 0 0 2 x 7 5 0 1 0 0"])
def test_a_will_of_another_hand_is_poison(will: bytes) -> None:
    with pytest.raises(Poison):
        execute(will, 99)
