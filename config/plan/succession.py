"""From one version of a plan to the next: what may not happen, and which ids are gone for good."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import msgspec

from config.plan.model import Contract, Plan, Retired, RetiredBuyer, RetiredContract


class Removal(NamedTuple):
    """Something the old plan has and the new one has not: `kind` is campaign, supplier, buyer or contract."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


def removals(old: Plan, new: Plan) -> tuple[Removal, ...]:
    """Return what the new plan leaves out, in the order of the old; contracts of a removed buyer go with it."""
    kept = _all_ids(new)
    found = [Removal("campaign", c.id) for c in old.campaigns if c.id not in kept["campaign"]]
    found += [Removal("supplier", s.id) for s in old.suppliers if s.id not in kept["supplier"]]
    for buyer in old.buyers:
        if buyer.id not in kept["buyer"]:
            found.append(Removal("buyer", buyer.id))
        else:
            found += [Removal("contract", c.id) for c in buyer.contracts if c.id not in kept["contract"]]
    return tuple(found)


def unnamed(found: Collection[Removal], retire: Collection[str]) -> tuple[Removal, ...]:
    """Return the removals that `--retire` does not name, by id or by `kind/id`."""
    return tuple(r for r in found if r.id not in retire and f"{r.kind}/{r.id}" not in retire)


def refusals(old: Plan, new: Plan) -> tuple[str, ...]:
    """Say what a new version may never do, each with what to do instead; () when all is well.

    Ids are never used again, a contract stays with its buyer and campaign, the currency stays.
    """
    found = []
    if old.currency != new.currency:
        what = f"the currency changes from {old.currency} to {new.currency}, but caps and sales are counted in it"
        found.append(f"{what}: a plan keeps its currency")
    found += list(_used_again(old, new))
    before, now = _contracts(old), _contracts(new)
    for contract_id in before.keys() & now.keys():
        (buyer, contract), (new_buyer, new_contract) = before[contract_id], now[contract_id]
        if buyer != new_buyer:
            found.append(f"contract {contract_id} moves from buyer {buyer} to {new_buyer}: {_ANEW}")
        if contract.campaign_id != new_contract.campaign_id:
            moves = f"moves from campaign {contract.campaign_id} to {new_contract.campaign_id}"
            found.append(f"contract {contract_id} {moves}: {_ANEW}")
    return tuple(sorted(found))


_ANEW = "retire it, and make a new one with another id"


def succeed(old: Plan | None, new: Plan) -> Plan:
    """Return the new plan with all ids that are gone for good, those that it removes included."""
    if old is None:
        return new
    before = old.retired
    zones = {buyer.id: buyer.time_zone for buyer in old.buyers}
    found, kept = removals(old, new), _all_ids(new)["contract"]
    gone = tuple(
        RetiredContract(contract_id, buyer_id, contract.campaign_id)
        for contract_id, (buyer_id, contract) in _contracts(old).items()
        if contract_id not in kept
    )
    retired = Retired(
        campaigns=before.campaigns + tuple(r.id for r in found if r.kind == "campaign"),
        suppliers=before.suppliers + tuple(r.id for r in found if r.kind == "supplier"),
        buyers=before.buyers + tuple(RetiredBuyer(r.id, zones[r.id]) for r in found if r.kind == "buyer"),
        contracts=before.contracts + gone,
    )
    return msgspec.structs.replace(new, retired=retired)


def _used_again(old: Plan, new: Plan) -> Iterator[str]:
    retired = {
        "campaign": old.retired.campaigns,
        "supplier": old.retired.suppliers,
        "buyer": tuple(buyer.id for buyer in old.retired.buyers),
        "contract": tuple(contract.id for contract in old.retired.contracts),
    }
    used = _all_ids(new)
    for kind, ids in retired.items():
        for again in sorted(used[kind].intersection(ids)):
            yield f"the id of {kind} {again} was used before and is retired: give the new one another id"


def _contracts(plan: Plan) -> Mapping[str, tuple[str, Contract]]:
    return {contract.id: (buyer.id, contract) for buyer in plan.buyers for contract in buyer.contracts}


def _all_ids(plan: Plan) -> Mapping[str, frozenset[str]]:
    return {
        "campaign": frozenset(campaign.id for campaign in plan.campaigns),
        "supplier": frozenset(supplier.id for supplier in plan.suppliers),
        "buyer": frozenset(buyer.id for buyer in plan.buyers),
        "contract": frozenset(_contracts(plan)),
    }
