"""What a Memo promises: made once, never more than its limit, nothing kept of what could not be made."""

from __future__ import annotations

import pytest

from config.memo import Memo


def test_a_value_is_made_once_as_long_as_it_is_remembered() -> None:
    asked: list[int] = []

    def double(number: int) -> int:
        asked.append(number)
        return 2 * number

    memo = Memo(double, 2)
    assert [memo[number] for number in (1, 2, 1, 2)] == [2, 4, 2, 4]
    assert asked == [1, 2]


def test_a_full_one_forgets_everything_and_goes_on() -> None:
    memo = Memo(str, 2)
    assert (memo[1], memo[2]) == ("1", "2")
    assert memo[3] == "3"
    assert memo == {3: "3"}
    for number in range(100):
        assert memo[number] == str(number)
        assert len(memo) <= 2


def test_what_was_put_there_counts_and_is_found() -> None:
    memo = Memo(str, 2)
    memo.update({1: "one", 2: "two"})
    assert memo[1] == "one"
    assert memo[3] == "3"
    assert memo == {3: "3"}


def test_none_is_a_value_like_any_other() -> None:
    asked: list[str | None] = []
    memo: Memo[str | None, None] = Memo(asked.append, 4)
    assert memo[None] is memo[None] is None
    assert asked == [None]


def test_an_error_comes_out_and_leaves_all_as_it_was() -> None:
    memo = Memo(int, 1)
    assert memo["1"] == 1
    with pytest.raises(ValueError, match="many"):
        memo["many"]
    assert memo == {"1": 1}
