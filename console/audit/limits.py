"""What buyers have asked for by a published plan, for reports: caps and names, read from its JSON by names alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from console.audit.plans import Limit

__all__ = ["Limit", "Terms", "terms_of"]


@dataclass(frozen=True, slots=True)
class Terms:
    """One buyer in one version: its name, and limits over all contracts (under "") and of each contract, by id."""

    limits: dict[str, tuple[Limit, ...]]
    name: str


def terms_of(plan_json: str) -> dict[str, Terms]:
    """Return every buyer's terms in a plan."""
    return {buyer["id"]: _terms(buyer) for buyer in json.loads(plan_json)["buyers"]}


def _terms(buyer: dict[str, Any]) -> Terms:
    limits = {"": _limits(buyer)} | {contract["id"]: _limits(contract) for contract in buyer["contracts"]}
    return Terms(limits, buyer.get("name", buyer["id"]))


def _limits(holder: dict[str, Any]) -> tuple[Limit, ...]:
    """Read caps as plans write them: [measure, window, limit]."""
    return tuple(Limit(*cap) for cap in holder.get("caps", ()))
