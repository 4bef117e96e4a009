"""Credits are kept at hand and written down once a second, or when the clock has gone back."""

from __future__ import annotations

from agents.routing.credits import WRITE_EVERY_MS, WRITE_MAX, Credits
from agents.routing.eligible import Lineup
from schemas.records import Credit
from streams.stores import StoreTable
from tests.support.pipeline import CODEC
from tests.support.plans import Seller, market

NOW = 1_780_419_600_000


def test_credits_are_written_once_a_second_with_all_that_changed_meanwhile() -> None:
    lineup = Lineup(market(Seller("a"), Seller("b")).campaigns["solar-us"].contracts)
    table, credits = StoreTable("rotations", Credit, CODEC.decode), Credits(0)
    credits.sit_down(table)
    first, second = lineup.ids

    def after(values: tuple[float, float], now_ms: int) -> tuple[Credit, Credit]:
        credits.set(lineup, values)
        credits.write(now_ms)
        return table.get(first), table.get(second)

    assert after((0.5, -0.5), NOW) == (Credit(0.5), Credit(-0.5))
    assert after((0.1, -0.1), NOW + WRITE_EVERY_MS - 1) == (Credit(0.5), Credit(-0.5))
    assert credits.of(lineup) == (0.1, -0.1)
    assert after((0.2, -0.2), NOW + WRITE_EVERY_MS) == (Credit(0.2), Credit(-0.2))
    assert after((0.3, -0.3), NOW - 5_000) == (Credit(0.3), Credit(-0.3)), "a clock that went back is no reason to wait"


def test_of_many_that_changed_some_are_written_at_a_time_and_all_get_their_turn() -> None:
    """Two lineups that have changed again each second, and each is larger than what is written in one."""
    contracts = market(*(Seller(f"b{number}") for number in range(2 * WRITE_MAX))).campaigns["solar-us"].contracts
    lineups = Lineup(contracts[:WRITE_MAX]), Lineup(contracts[WRITE_MAX:])
    table, credits = StoreTable("rotations", Credit, CODEC.decode), Credits(0)
    credits.sit_down(table)
    written = []
    for second in range(4):
        for lineup in lineups:
            credits.set(lineup, [float(second)] * WRITE_MAX)
        before = {key: table.get(key) for lineup in lineups for key in lineup.ids}
        credits.write(NOW + second * WRITE_EVERY_MS)
        written.append(
            [lineups.index(lineup) for lineup in lineups if before[lineup.ids[0]] != table.get(lineup.ids[0])]
        )
    assert written == [[0], [1], [0], [1]]


def test_new_credits_begin_with_what_the_table_holds() -> None:
    lineup = Lineup(market(Seller("a"), Seller("b")).campaigns["solar-us"].contracts)
    table, credits = StoreTable("rotations", Credit, CODEC.decode), Credits(0)
    table.put(lineup.ids[0], Credit(0.25))
    credits.sit_down(table)
    assert credits.of(lineup)[0] == 0.25
