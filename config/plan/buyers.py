"""Check the buyers of a plan, with their contracts: caps, hours, prices, accept conditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from config.plan import keys
from config.plan.campaigns import names_of
from config.plan.condition_reading import condition
from config.plan.conditions import EVERYTHING, Condition
from config.plan.cursor import Cursor, Section, near_miss
from config.plan.model import Buyer, Campaign, CapSetting, Contract, OpenHour, PriceRule
from config.plan.money import amount_text
from config.plan.scalars import amount, boolean, check_id, known_word, name, whole_number
from config.plan.times import hours, time_zone
from config.plan.words import cap_window

#: The most a share or a rank may be; beyond it a plan says nothing more.
WEIGHT_MAX: Final = 1_000
PRIORITY_MAX: Final = 1_000

_CAPS_FIX = "write the word `unlimited`, or {leads: {day: 50}, spend: {month: 1500.00}}"
_DELIVERY_LATER = dict.fromkeys(["http", "email", "sms", "sheet", "webhook"], "use topic")
_HOLD_LATER = {"hold": "use skip: the next buyer is asked at once"}


def buyers(at: Cursor, campaigns: tuple[Campaign, ...]) -> tuple[Buyer, ...]:
    """Read all buyers, in the order written; contract ids are single over all of them."""
    entries = at.entries("buyers by their ids")
    if not entries and at.is_mapping():
        at.problem("there is no buyer", "add one")
    known = {campaign.id: campaign for campaign in campaigns}
    found = tuple(_buyer(key, cursor, known) for key, cursor in entries)
    _check_single(entries, found)
    return found


def _check_single(entries: list[tuple[str, Cursor]], found: tuple[Buyer, ...]) -> None:
    owner: dict[str, str] = {}
    for (_, cursor), buyer in zip(entries, found, strict=True):
        for contract in buyer.contracts:
            first = owner.setdefault(contract.id, buyer.id)
            if first != buyer.id:
                what = f"the contract id `{contract.id}` is already one of buyer {first}"
                _at_contract(cursor, contract.id).problem(what, f"give it another, such as `{buyer.id}-{contract.id}`")


def _at_contract(buyer: Cursor, contract_id: str) -> Cursor:
    under = dict(dict(buyer.entries("a buyer"))["contracts"].entries("contracts"))
    return under[contract_id]


def _buyer(buyer_id: str, at: Cursor, campaigns: Mapping[str, Campaign]) -> Buyer:
    check_id(at, buyer_id, "buyer")
    section = at.section("a buyer", keys.BUYER)
    zone = section.read("time_zone", time_zone, "UTC", "give the zone of its caps and hours, such as America/New_York")
    always: tuple[bool, tuple[OpenHour, ...]] = (True, ())
    always_open, open_hours = section.read("hours", hours, always, "write `always`, or {mon-fri: 08:00-20:00}")
    buyer = Buyer(
        id=buyer_id,
        name=section.read("name", name, "", "give its name for people"),
        time_zone=zone,
        always_open=always_open,
        hours=open_hours,
        caps=section.read("caps", caps, (), _CAPS_FIX),
        contracts=section.read("contracts", lambda c: _contracts(c, campaigns), (), "add its contracts"),
        when_closed=section.read("when_closed", lambda c: known_word(c, ("skip",), _HOLD_LATER), "skip"),
        tests=section.read("tests", boolean, False),
        delivery=section.read("delivery", lambda c: known_word(c, ("topic",), _DELIVERY_LATER), "topic", "write topic"),
    )
    for contract in buyer.contracts:
        _check_budget(section, buyer.caps, contract, f" of contract {contract.id}")
    return buyer


def caps(at: Cursor) -> tuple[CapSetting, ...]:
    """Read caps: the word `unlimited`, or limits by measure (leads, spend) and window."""
    if at.word() == "unlimited":
        return ()
    if not at.is_mapping():
        at.problem("is not a set of caps", _CAPS_FIX)
        return ()
    section = at.section("caps", keys.CAPS)
    found = [cap for measure in keys.CAPS.optional for cap in _measure(section, measure)]
    if not at.entries("caps"):
        at.problem("no cap is set", _CAPS_FIX)
    return tuple(found)


def _measure(section: Section, measure: str) -> list[CapSetting]:
    cursor = section.get(measure)
    if cursor is None:
        return []
    windows = cursor.section("limits by window, such as {day: 50}", keys.LIMITS)
    if cursor.is_mapping() and not cursor.entries("limits"):
        cursor.problem("no limit is set", "name a window, such as {day: 50}")
    stop = "to stop sales, `leadflow pause`; for no limit, leave the window out"
    reader = amount if measure == "spend" else whole_number
    return [
        CapSetting(measure, window, reader(windows.found[window], stop))
        for window in keys.LIMITS.optional
        if window in windows.found
    ]


def _contracts(at: Cursor, campaigns: Mapping[str, Campaign]) -> tuple[Contract, ...]:
    return tuple(_contract(key, cursor, campaigns) for key, cursor in at.entries("contracts by their ids"))


def _contract(contract_id: str, at: Cursor, campaigns: Mapping[str, Campaign]) -> Contract:
    check_id(at, contract_id, "contract")
    section = at.section("a contract", keys.CONTRACT)
    campaign_id = section.read("campaign", lambda c: _campaign_of(c, campaigns), "", "name the campaign it buys from")
    campaign = campaigns.get(campaign_id)
    contract = Contract(
        id=contract_id,
        campaign_id=campaign_id,
        accept=_accept(section, campaign),
        price=section.read("price", lambda c: _price(c, campaign), (), "give an amount, or the word `free`"),
        caps=section.read("caps", caps, (), _CAPS_FIX),
        priority=section.read("priority", lambda c: _bounded(c, PRIORITY_MAX, "1 is asked first"), 1),
        weight=section.read("weight", lambda c: _bounded(c, WEIGHT_MAX, _NO_SHARE), 1),
        fields=section.read("fields", lambda c: _fields(c, campaign), ()),
    )
    _check_budget(section, contract.caps, contract)
    return contract


_NO_SHARE = "to stop sales, `leadflow pause contract`"


def _campaign_of(at: Cursor, campaigns: Mapping[str, Campaign]) -> str:
    text = at.text("a campaign's id")
    if text and text not in campaigns:
        at.problem(f"there is no campaign `{text}`", near_miss(text, campaigns))
    return text


def _bounded(at: Cursor, most: int, zero_fix: str) -> int:
    number = whole_number(at, zero_fix)
    if number > most:
        at.problem(f"{number} is more than {most}", "give a smaller number")
    return number


def _accept(section: Section, campaign: Campaign | None) -> Condition:
    fix = "write the word `everything`, or a condition such as {state: [CA, NV]}"
    return section.read("accept", lambda c: _condition(c, campaign), EVERYTHING, fix)


def _condition(at: Cursor, campaign: Campaign | None) -> Condition:
    # Without its campaign nothing can be said about a condition's fields; the campaign's name is told already.
    return EVERYTHING if campaign is None else condition(at, names_of(campaign))


def _price(at: Cursor, campaign: Campaign | None) -> tuple[PriceRule, ...]:
    if not at.is_list():
        return (PriceRule(_amount(at)),)
    items = at.items("prices, the last without `when`")
    rules = tuple(_price_rule(item, campaign) for item in items)
    for item, rule in list(zip(items, rules, strict=True))[:-1]:
        if rule.when is None:
            item.problem("only the last price may be without `when`: those below are never asked", "add its `when`")
    if rules and rules[-1].when is not None:
        items[-1].problem("the last price has a `when`, so some leads have no price", "add a last line {is: amount}")
    return rules


def _price_rule(at: Cursor, campaign: Campaign | None) -> PriceRule:
    section = at.section("a price, such as {when: {...}, is: 55.00}", keys.PRICE)
    when = section.read("when", lambda c: _condition(c, campaign), None)
    return PriceRule(section.read("is", _amount, 1, "give the amount"), when)


def _amount(at: Cursor) -> int:
    return 0 if at.word() == "free" else amount(at, "to give leads away, write the word `free`")


def _fields(at: Cursor, campaign: Campaign | None) -> tuple[str, ...]:
    known = [rule.name for rule in campaign.fields] if campaign else []
    found: list[str] = []
    for item in at.items("the fields that this buyer gets"):
        text = item.text("a field")
        if text in found:
            item.problem(f"`{text}` is listed twice", "list it once")
        elif text and campaign and text not in known:
            item.problem(f"`{text}` is not a field of campaign {campaign.id}", near_miss(text, known))
        found.append(text)
    return tuple(found)


def _check_budget(section: Section, caps: tuple[CapSetting, ...], contract: Contract, of_contract: str = "") -> None:
    """Tell when a budget is below the contract's lowest price: it could never buy anything."""
    lowest = min((rule.minor for rule in contract.price), default=0)
    cursor = section.get("caps")
    for cap in caps:
        if cursor is not None and cap.measure == "spend" and cap.limit < lowest:
            currency = cursor.context.currency
            limit, price = amount_text(cap.limit, currency), amount_text(lowest, currency)
            what = f"spend {cap_window(cap)} of {limit} is below the lowest price{of_contract} of {price}"
            cursor.problem(what, "raise it")
