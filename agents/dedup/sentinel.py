"""Whether what Redis holds may be trusted: the sentinel of a generation of claims, and what follows from it.

    missing, another server, another hash key     -> rebuild
    being built                                   -> rebuild, if its builder is gone (the lock says so)
    for the same campaigns, families and windows  -> go
    for an older plan that covers all of mine     -> narrow it to mine, go
    for an older plan that does not cover mine    -> rebuild
    for a newer plan with other families          -> wait until this worker has that plan

The last line keeps a worker that lags by one plan from claiming too few keys, and from rebuilding backwards.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol

import msgspec

from agents.dedup.keys import OF, ONCE, Shape, campaign_of


class Sentinel(msgspec.Struct, frozen=True):
    """One generation of claims: complete for what `claimed` says (as `keys.Shape`) once `ready`.

    `run_id` names the server process it was written to: after a restart or a fail-over the last claims may be gone.
    """

    generation: str
    ready: bool
    run_id: str
    key: str
    plan_version: int
    claimed: dict[str, int]


class Need(Protocol):
    """What a worker's plan asks of the claims."""

    @property
    def plan_version(self) -> int:
        """The version of the plan the worker decides by."""
        ...

    @property
    def key(self) -> str:
        """The fingerprint of its hash key."""
        ...

    @property
    def shape(self) -> Shape:
        """What the leads of which campaign claim, with the longest windows."""
        ...


class Step(Enum):
    """What a worker does about a sentinel."""

    GO = "go"
    NARROW = "narrow"
    WAIT = "wait"
    REBUILD = "rebuild"


class Judgement(NamedTuple):
    """The step to take, and why in words for an operator."""

    step: Step
    why: str


_decoder = msgspec.json.Decoder(Sentinel)


def read(raw: bytes | None) -> Sentinel | None:
    """Return the sentinel as stored; None when there is none, or none that this release can read."""
    if raw is None:
        return None
    try:
        return _decoder.decode(raw)
    except msgspec.DecodeError:
        return None


def write(sentinel: Sentinel) -> bytes:
    """Return the bytes to store; they are compared as a whole, so they are also the token of the generation."""
    return msgspec.json.encode(sentinel)


def fresh(generation: str, run_id: str, need: Need, *, ready: bool) -> Sentinel:
    """Return the sentinel of a generation that serves this need."""
    return Sentinel(generation, ready, run_id, need.key, need.plan_version, dict(need.shape))


def judge(found: Sentinel | None, run_id: str, need: Need) -> Judgement:
    """Return what to do about the sentinel found on the server `run_id`."""
    if found is None:
        return Judgement(Step.REBUILD, "Redis holds no claims")
    if found.run_id != run_id:
        return Judgement(Step.REBUILD, "Redis was restarted or replaced")
    if found.key != need.key:
        return Judgement(Step.REBUILD, "the claims were hashed with another key")
    if found.claimed != need.shape and need.plan_version < found.plan_version:
        return Judgement(Step.WAIT, f"the claims are for plan version {found.plan_version}, not seen here yet")
    if not found.ready:
        return Judgement(Step.REBUILD, "claims are being rebuilt")
    if found.claimed == need.shape:
        return Judgement(Step.GO, "")
    if covers(found.claimed, need.shape):
        return Judgement(Step.NARROW, "the plan asks for no more than before")
    return Judgement(Step.REBUILD, "the plan widens what makes a duplicate")


def covers(held: Shape, wanted: Shape) -> bool:
    """Say whether every wanted family is held of every campaign that claims or claimed it, for at least as long.

    A campaign that was not there has no leads in the log: the id of one that is retired is never used again. What all
    leads of a campaign claim, its earlier ones do.
    """
    return all(_held(held, name) >= window for name, window in wanted.items() if campaign_of(name) in held)


def _held(held: Shape, name: str) -> int:
    """Return how far back a family of a campaign is held, in ms; -1: not at all."""
    return max(held.get(name, -1), held.get(name.replace(ONCE, OF), -1))
