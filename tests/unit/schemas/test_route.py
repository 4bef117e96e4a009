"""A route that is read as far as it is asked for."""

from __future__ import annotations

import pytest

from schemas.avro_files import self_contained
from schemas.codec import Codec
from schemas.compiled_writers import compile_writer
from schemas.errors import Undecodable
from schemas.records import Candidate, Offer
from schemas.route import Route
from schemas.slip import Slips
from tests.support.chance import draws
from tests.unit.schemas.examples import TYPES, any_of, filled

CANDIDATES = tuple(filled(Candidate, f"c{number}", number) for number in range(5))
WRITE = compile_writer(self_contained("Offer"), TYPES, ["route"])


def route_of(candidates: tuple[Candidate, ...]) -> Route:
    return Route(WRITE(candidates))


def test_a_route_is_the_sequence_of_its_candidates() -> None:
    for _, draw in draws(100):
        candidates = tuple(any_of(Candidate, draw) for _ in range(draw.randint(1, 5)))
        route = route_of(candidates)
        assert len(route) == len(candidates)
        assert route[0] == candidates[0]
        assert route[-1] == candidates[-1]
        assert tuple(route) == candidates
        assert route == candidates
        assert route == route_of(candidates)
        assert hash(route) == hash(candidates)


def test_a_slice_is_a_tuple_and_a_wrong_index_an_index_error() -> None:
    route = route_of(CANDIDATES)
    assert route[1:3] == CANDIDATES[1:3]
    assert route != CANDIDATES[:4]
    assert route != "route"
    for index in (5, -6):
        with pytest.raises(IndexError, match="in a route of 5"):
            route[index]


def test_only_what_is_asked_for_is_read() -> None:
    route = route_of(CANDIDATES)
    damaged = Route(route.written[:-60] + b"\xff" * 59 + b"\x00")
    assert damaged[0] == CANDIDATES[0]
    with pytest.raises(Undecodable, match="of a route of 5 cannot be read"):
        tuple(damaged)


def test_an_opened_offer_passes_its_route_on_as_it_came() -> None:
    codec = Codec()
    slips = Slips(codec)
    offer: Offer = filled(Offer)
    head, head_bytes, body = slips.open_offer(codec.encode(offer))
    assert isinstance(head.route, Route)
    scored = head.slip, head.score, head_bytes, body
    again = slips.offer(scored, head.right, head.route, 1, ())
    assert again[0].route is head.route
    assert slips.seal_offer(again) == slips.seal_offer(slips.offer(scored, head.right, offer.route, 1, ()))
    assert "Wörd route contract_id" in repr(head.route)
