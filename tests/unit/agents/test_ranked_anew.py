"""Which plan a router must have: named by the owners on the way, the latest counts."""

from __future__ import annotations

import pytest

from agents.ranked_anew import HEADER, plan_needed, with_plan_needed

WILL = ("right", b"the last will")


def test_the_latest_plan_is_named_once_beside_the_other_headers() -> None:
    headers = with_plan_needed((WILL,), 3)
    assert headers == (WILL, (HEADER, b"3"))
    assert with_plan_needed(headers, 12) == (WILL, (HEADER, b"12"))
    assert with_plan_needed(headers, 2) == headers


@pytest.mark.parametrize(
    ("headers", "version"), [((), 0), ((WILL,), 0), ((WILL, (HEADER, b"41")), 41), (((HEADER, b"x"),), 0)]
)
def test_headers_without_a_plan_need_none(headers: tuple[tuple[str, bytes], ...], version: int) -> None:
    assert plan_needed(headers) == version
