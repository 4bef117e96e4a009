"""Says the parts of a plan in words, for changes, explanations and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from config.plan.conditions import describe
from config.plan.model import Buyer, Campaign, CapSetting, Contract, DedupeRule, FieldRule, OpenHour
from config.plan.money import amount_text
from config.plan.scalars import duration_text
from config.plan.times import DAYS, clock


def cap_words(cap: CapSetting, currency: str) -> str:
    """Say a cap: `50 leads per day`, `1500.00 USD in all`."""
    if cap.measure == "spend":
        limit = f"{amount_text(cap.limit, currency)} {currency}"
    else:
        limit = "1 lead" if cap.limit == 1 else f"{cap.limit} leads"
    return f"{limit} {cap_window(cap)}"


def cap_window(cap: CapSetting) -> str:
    """Say the window of a cap: `per day`, or `in all`."""
    return "in all" if cap.window == "total" else f"per {cap.window}"


def price_words(contract: Contract, currency: str) -> str:
    """Say a price: `55.00 if grade is A, otherwise 42.00 USD`."""
    said = []
    for rule in contract.price:
        amount = amount_text(rule.minor, currency)
        if rule.when is not None:
            said.append(f"{amount} if {describe(rule.when)}")
        else:
            said.append(f"otherwise {amount}" if said else amount)
    return f"{', '.join(said)} {currency}"


def hours_words(buyer: Buyer) -> str:
    """Say opening hours: `mon-fri 08:00-20:00, sat 09:00-17:00`, or `always`."""
    if buyer.always_open:
        return "always"
    by_day = [(day, _times(list(hours))) for day, hours in groupby(buyer.hours, key=lambda hour: hour.weekday)]
    said: list[list[int]] = []
    times: list[str] = []
    for day, words in by_day:
        if said and times[-1] == words and said[-1][-1] == day - 1:
            said[-1].append(day)
        else:
            said.append([day])
            times.append(words)
    return ", ".join(f"{_days(days)} {words}" for days, words in zip(said, times, strict=True))


def _times(hours: Sequence[OpenHour]) -> str:
    return " and ".join(f"{clock(hour.start_minute)}-{clock(hour.end_minute)}" for hour in hours)


def _days(days: Sequence[int]) -> str:
    return DAYS[days[0]] if len(days) == 1 else f"{DAYS[days[0]]}-{DAYS[days[-1]]}"


def dedupe_words(rule: DedupeRule | None) -> str:
    """Say a rule for duplicates: `any of email, phone within 30d`, or `none`."""
    if rule is None:
        return "none"
    scope = "" if rule.scope == "campaign" else f", {rule.scope}"
    return f"{rule.match} of {', '.join(rule.of)} within {duration_text(rule.within_ms)}{scope}"


def selling_words(campaign: Campaign) -> str:
    """Say how a campaign sells: `exclusive`, or `shared by up to 2 buyers`."""
    return "exclusive" if campaign.rights == 1 else f"shared by up to {campaign.rights} buyers"


def grades_words(campaign: Campaign) -> str:
    """Say the thresholds: `A from 80, B from 60`, or `none`."""
    return ", ".join(f"{grade.grade} from {grade.points}" for grade in campaign.grades) or "none"


def field_words(rule: FieldRule) -> str:
    """Say a field's rule: `required phone (US)`, `integer from 0 to 5000, not personal`."""
    said = f"required {rule.type}" if rule.required else rule.type
    said += f" ({rule.region})" if rule.region else ""
    said += f" from {rule.min}" if rule.min else ""
    said += f" to {rule.max}" if rule.max else ""
    said += f" like {rule.pattern}" if rule.pattern else ""
    said += f", one of {', '.join(rule.values)}" if rule.values else ""
    return said if rule.personal else f"{said}, not personal"
