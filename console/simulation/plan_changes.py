"""What people change in a plan while leads are on their way: each change is one that `plan apply` would take."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from console.simulation.plan_drafts import (
    ZONES,
    BuyerDraft,
    PlanDraft,
    add_buyer,
    draw_accept,
    draw_caps,
    draw_contract,
    draw_hours,
    draw_price,
)

#: A change of a draft; returns False when there was nothing that it could change.
PlanChange = Callable[[Random, PlanDraft], bool]


def lower_a_cap(chance: Random, draft: PlanDraft) -> bool:
    """Lower a cap, below what is used already if it can be."""
    return _scale_caps(chance, draft, lambda limit: max(1, limit // 2))


def raise_a_cap(chance: Random, draft: PlanDraft) -> bool:
    """Raise a cap."""
    return _scale_caps(chance, draft, lambda limit: limit * 2)


def set_caps(chance: Random, draft: PlanDraft) -> bool:
    """Set other caps: one that is set at noon sees the morning."""
    buyer = chance.choice(draft.buyers)
    buyer.caps = draw_caps(chance)
    buyer.contracts[0].caps = draw_caps(chance)
    return True


def change_prices(chance: Random, draft: PlanDraft) -> bool:
    """Change all prices of up to two buyers."""
    for buyer in {id(one): one for one in (chance.choice(draft.buyers), chance.choice(draft.buyers))}.values():
        for contract in buyer.contracts:
            contract.price = draw_price(chance)
    return True


def change_a_filter(chance: Random, draft: PlanDraft) -> bool:
    """Change what a contract accepts."""
    chance.choice(chance.choice(draft.buyers).contracts).accept = draw_accept(chance)
    return True


def change_shares(chance: Random, draft: PlanDraft) -> bool:
    """Change weight and priority."""
    contract = chance.choice(chance.choice(draft.buyers).contracts)
    contract.weight, contract.priority = chance.randint(1, 5), chance.randint(1, 3)
    return True


def change_hours(chance: Random, draft: PlanDraft) -> bool:
    """Change the hours of a buyer."""
    chance.choice(draft.buyers).hours = draw_hours(chance)
    return True


def change_a_zone(chance: Random, draft: PlanDraft) -> bool:
    """Move a buyer to another zone: it takes effect with the next window."""
    chance.choice(draft.buyers).zone = chance.choice(ZONES)
    return True


def add_a_buyer(chance: Random, draft: PlanDraft) -> bool:
    """Add a buyer."""
    add_buyer(chance, draft)
    return True


def add_a_contract(chance: Random, draft: PlanDraft) -> bool:
    """Add a contract to a buyer."""
    draft.numbers += 1
    buyer, campaign = chance.choice(draft.buyers), chance.choice(draft.campaigns)
    buyer.contracts.append(draw_contract(chance, f"{buyer.id}-c{draft.numbers}", campaign.id))
    return True


def retire_a_buyer(chance: Random, draft: PlanDraft) -> bool:
    """Retire a buyer; one stays."""
    if len(draft.buyers) < 2:
        return False
    gone = draft.buyers.pop(chance.randrange(len(draft.buyers)))
    draft.retired += [gone.id, *(contract.id for contract in gone.contracts)]
    return True


def retire_a_contract(chance: Random, draft: PlanDraft) -> bool:
    """Retire a contract of a buyer that has several."""
    rich = [buyer for buyer in draft.buyers if len(buyer.contracts) > 1]
    if not rich:
        return False
    contracts = chance.choice(rich).contracts
    draft.retired.append(contracts.pop(chance.randrange(len(contracts))).id)
    return True


def change_dedupe(chance: Random, draft: PlanDraft) -> bool:
    """Widen or narrow what makes a duplicate: widening has the claims rebuilt."""
    campaign = chance.choice(draft.campaigns)
    campaign.match = chance.choice(("any", "all"))
    campaign.of = chance.choice((("email",), ("phone",), ("email", "phone")))
    campaign.within_h = chance.choice((1, 24, 720))
    return True


def change_rights(chance: Random, draft: PlanDraft) -> bool:
    """Sell leads to more or fewer buyers."""
    chance.choice(draft.campaigns).rights = chance.choice((1, 2, 3))
    return True


#: A cap below what is used is rare by itself, and much depends on it.
_CUT_CHANCE: Final = 0.5

CHANGES: Final[tuple[PlanChange, ...]] = (
    lower_a_cap,
    lower_a_cap,
    raise_a_cap,
    set_caps,
    change_prices,
    change_prices,
    change_prices,
    change_a_filter,
    change_shares,
    change_hours,
    change_a_zone,
    add_a_buyer,
    add_a_contract,
    retire_a_buyer,
    retire_a_contract,
    change_dedupe,
    change_dedupe,
    change_dedupe,
    change_rights,
)


def change(chance: Random, draft: PlanDraft) -> str:
    """Make some changes to the draft; return their names."""
    names = []
    if chance.random() < _CUT_CHANCE and lower_a_cap(chance, draft):
        names.append(lower_a_cap.__name__)
    for _ in range(chance.choice((1, 2, 2, 3))):
        chosen = chance.choice(CHANGES)
        if chosen(chance, draft):
            names.append(chosen.__name__)
    return " + ".join(names)


def _scale_caps(chance: Random, draft: PlanDraft, scaled: Callable[[int], int]) -> bool:
    holders: list[dict[tuple[str, str], int]] = [caps for buyer in draft.buyers for caps in _caps_of(buyer) if caps]
    if not holders:
        return False
    caps = chance.choice(holders)
    key = chance.choice(sorted(caps))
    caps[key] = scaled(caps[key])
    return True


def _caps_of(buyer: BuyerDraft) -> list[dict[tuple[str, str], int]]:
    return [buyer.caps, *(contract.caps for contract in buyer.contracts)]
