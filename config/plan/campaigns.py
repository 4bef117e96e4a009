"""Check the campaigns of a plan: fields, deduplication, scoring, distribution."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final, TypeVar

import phonenumbers

from config.plan import keys
from config.plan.condition_reading import JOINS, Names, condition
from config.plan.conditions import EVERYTHING, GRADE
from config.plan.cursor import Cursor, Section, near_miss
from config.plan.model import LOWEST_GRADE, Campaign, DedupeRule, FieldRule, Grade, ScoringRule
from config.plan.scalars import FIELD_NAME, boolean, check_id, duration, duration_text, known_word, whole_number
from config.plan.values import KINDS, NEVER_READ, ORDERED, below, canonical, spelled

T = TypeVar("T")

DAY_MS: Final = 86_400_000
#: Owners remember a lead this many times as long as it may be sold, so that they never forget a live right.
MEMORY_FACTOR: Final = 3
#: The longest route has 50 contracts; a right more than that could never be sold.
RIGHTS_MAX: Final = 50

_GRADES: Final = ("A", "B", "C")
_PATTERN_CHARS_MAX: Final = 200
_PATTERN_TYPES: Final = frozenset({"text", "postal_code", "url"})
#: What a pattern is made of, as far as repeats go: escaped letters, classes, repeats, and single letters.
_PIECE: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d*(?:,\d*)?\}|.", re.DOTALL)
_VARYING: Final = re.compile(r"[*+]|\{\d*,\d*\}")
_METHODS_LATER: Final = dict.fromkeys(
    ["waterfall", "round_robin", "highest_bid", "send_to_all", "buyer_groups", "percentage"],
    "use weighted_round_robin; `priority` of a contract puts some first",
)


def campaigns(at: Cursor) -> tuple[Campaign, ...]:
    """Read all campaigns, in the order written."""
    entries = at.entries("campaigns by their ids")
    if not entries and at.is_mapping():
        at.problem("there is no campaign", "add one")
    return tuple(_campaign(key, cursor) for key, cursor in entries)


def names_of(campaign: Campaign) -> Names:
    """Return what a condition of the campaign's contracts may name: its fields and the grades it gives."""
    grades = (*(grade.grade for grade in campaign.grades), LOWEST_GRADE) if campaign.grades else ()
    no_grade = f"campaign {campaign.id} has no scoring: add `scoring` with grades, or leave the grade out"
    return Names({rule.name: rule for rule in campaign.fields}, grades, no_grade)


def _campaign(campaign_id: str, at: Cursor) -> Campaign:
    check_id(at, campaign_id, "campaign")
    section = at.section("a campaign", keys.CAMPAIGN)
    fields = section.read("fields", _fields, (), "list the fields that the campaign takes")
    known = {rule.name: rule for rule in fields}
    dedupe = section.read("dedupe", lambda c: _dedupe(c, known), None, _DEDUPE_FIX)
    sell_within_ms = section.read("sell_within", _sell_within, 1, "say how old a lead may be when sold, such as 15m")
    rules, grades = section.read("scoring", lambda c: _scoring(c, known), ((), ()))
    rights, method = section.read("distribution", _distribution, (1, "weighted_round_robin"), _DISTRIBUTION_FIX)
    return Campaign(campaign_id, fields, dedupe, sell_within_ms, rules, grades, rights, method)


_DISTRIBUTION_FIX = "write {sell: exclusive, method: weighted_round_robin}"
_DEDUPE_FIX = "write {match: any, of: [email, phone], within: 30d}, or the word `none`"


def _sell_within(at: Cursor) -> int:
    days = at.context.memory_days
    longest_ms = days * DAY_MS // MEMORY_FACTOR
    if at.word() == "unlimited":
        at.problem("a lead cannot be sold for ever", f"give a duration, at most {duration_text(longest_ms)}")
        return 1
    return duration(at, longest_ms, f"buyers' owners remember a lead for {days} days, three times as long")


def _fields(at: Cursor) -> tuple[FieldRule, ...]:
    entries = at.entries("fields by their names")
    if not entries and at.is_mapping():
        at.problem("there is no field", "list the fields that the campaign takes")
    return tuple(_field(name, cursor) for name, cursor in entries)


def _field(name: str, at: Cursor) -> FieldRule:
    if name in {GRADE, *JOINS}:
        at.problem(f"no field can be called `{name}`: conditions use this word", "give it another name")
    elif not FIELD_NAME.fullmatch(name):
        at.problem(f"`{name}` cannot be a field", "a name has small letters, digits and _, beginning with a letter")
    section = at.section("a field, such as {type: text, required: true}", keys.FIELD)
    type_ = section.read("type", lambda c: known_word(c, KINDS), "text", f"one of: {', '.join(KINDS)}")
    bare = FieldRule(name, type_)
    lowest = _option(section, "min", type_, ORDERED, lambda c: _bound(c, bare))
    highest = _option(section, "max", type_, ORDERED, lambda c: _bound(c, bare))
    if lowest and highest and below(type_, highest, lowest):
        at.problem(f"max {highest} is below min {lowest}", "exchange them")
    if type_ == "phone" and section.get("region") is None:
        at.problem("`region` is missing", "say where numbers without a country code are, such as region: US")
    if type_ == "enum" and section.get("values") is None:
        at.problem("`values` is missing", "list the values an enum may have")
    return FieldRule(
        name=name,
        type=type_,
        required=section.read("required", boolean, False),
        personal=section.read("personal", boolean, True),
        region=_option(section, "region", type_, frozenset({"phone", "postal_code"}), _region),
        min=lowest,
        max=highest,
        pattern=_option(section, "pattern", type_, _PATTERN_TYPES, _pattern),
        values=_option(section, "values", type_, frozenset({"enum", "text"}), _values) or (),
    )


def _option(section: Section, key: str, type_: str, fits: frozenset[str], reader: Callable[[Cursor], T]) -> T | None:
    cursor = section.get(key)
    if cursor is None:
        return None
    if type_ not in fits:
        cursor.problem(f"`{key}` does not fit type {type_}", f"it belongs to: {', '.join(sorted(fits))}")
        return None
    return reader(cursor)


def _bound(at: Cursor, rule: FieldRule) -> str | None:
    text = at.text(f"a value of type {rule.type}")
    if not text:
        return None
    value, what, fix = canonical(rule, text)
    if what:
        at.problem(what, fix)
    return value or None


def _region(at: Cursor) -> str:
    text = at.text("a country, such as US")
    if text and text not in phonenumbers.SUPPORTED_REGIONS:
        at.problem(f"`{text}` is not a country", near_miss(text.upper(), phonenumbers.SUPPORTED_REGIONS) or "write US")
    return text


def _pattern(at: Cursor) -> str:
    text = at.text("a regular expression that matches the whole value")
    if len(text) > _PATTERN_CHARS_MAX:
        at.problem(f"the pattern has more than {_PATTERN_CHARS_MAX} characters", "shorten it")
        return text
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        at.problem(f"`{text}` is not a regular expression", str(error))
    if _repeats_a_repeat(text):
        at.problem("the pattern repeats a group that repeats, which can take for ever", "write it without nesting")
    return text


def _repeats_a_repeat(pattern: str) -> bool:
    """Whether a repeated group holds, at any depth, a repeat of varying length: it can take for ever."""
    pieces = _PIECE.findall(pattern)
    holds = [False]
    for piece, following in zip(pieces, [*pieces[1:], ""], strict=True):
        if piece == "(":
            holds.append(False)
        elif piece == ")" and len(holds) > 1:
            held = holds.pop()
            if held and (following in {"*", "+"} or following.startswith("{")):
                return True
            holds[-1] |= held
        elif _VARYING.fullmatch(piece):
            holds[-1] = True
    return False


def _values(at: Cursor) -> tuple[str, ...]:
    listed: dict[str, str] = {}
    for item in at.items("the values that are allowed"):
        text, known = item.text("a value"), len(listed)
        twin = listed.setdefault(text.casefold(), text)
        if twin == text and len(listed) == known:
            item.problem(f"`{text}` is listed twice", "list it once")
        elif twin != text:
            item.problem(f"`{text}` is `{twin}` in other letters, and leads may use either", "list one of them")
        elif text != spelled(text):
            item.problem(f"`{text}` {NEVER_READ}", f"write `{spelled(text)}`")
    return tuple(listed.values())


def _dedupe(at: Cursor, known: Mapping[str, FieldRule]) -> DedupeRule | None:
    if at.word() == "none":
        return None
    if not at.is_mapping():
        at.problem("is not a way to find duplicates", _DEDUPE_FIX)
        return None
    section = at.section("a rule", keys.DEDUPE)
    days = at.context.retention_days
    why = f"leads are kept for {days} days, and duplicates are found among those"
    return DedupeRule(
        match=section.read("match", lambda c: known_word(c, ("any", "all")), "any", "say any or all"),
        of=section.read("of", lambda c: _compared(c, known), (), "list the fields, such as [email, phone]"),
        within_ms=section.read("within", lambda c: duration(c, days * DAY_MS, why), 1, "say how long, such as 30d"),
        scope=section.read("scope", lambda c: known_word(c, ("campaign", "everywhere"), _SCOPES_LATER), "campaign"),
    )


_SCOPES_LATER = {"buyer": "use campaign or everywhere", "contract": "use campaign or everywhere"}


def _compared(at: Cursor, known: Mapping[str, FieldRule]) -> tuple[str, ...]:
    found: list[str] = []
    for item in at.items("fields, such as [email, phone]"):
        name = item.text("a field")
        if name in found:
            item.problem(f"`{name}` is listed twice", "list it once")
        elif name and name not in known:
            item.problem(f"`{name}` is not a field of the campaign", near_miss(name, known))
        found.append(name)
    return tuple(found)


def _scoring(at: Cursor, known: Mapping[str, FieldRule]) -> tuple[tuple[ScoringRule, ...], tuple[Grade, ...]]:
    section = at.section("points and grades", keys.SCORING)
    names = Names(known, (), "points make the grade, so they cannot depend on it")
    rules = section.read("points", lambda c: _rules(c, names), (), "name rules: {owner: {when: {...}, add: 40}}")
    lowest = sum(rule.add for rule in rules if rule.add < 0)
    grades = section.read(
        "grades", lambda c: _grades(c, lowest), (), "give the lowest points of each: {A: 80, B: 60, C: 30}"
    )
    return rules, grades


def _rules(at: Cursor, names: Names) -> tuple[ScoringRule, ...]:
    return tuple(_rule(name, cursor, names) for name, cursor in at.entries("rules by their names"))


def _rule(name: str, at: Cursor, names: Names) -> ScoringRule:
    if not FIELD_NAME.fullmatch(name):
        at.problem(f"`{name}` cannot name a rule", "a name has small letters, digits and _, beginning with a letter")
    section = at.section("a rule, such as {when: {...}, add: 40}", keys.RULE)
    when = section.read("when", lambda c: condition(c, names), EVERYTHING, "say when it holds")
    zero = "a rule that adds nothing is left out"
    add = section.read("add", lambda c: whole_number(c, zero, negative=True), 1, "say how many points it adds")
    return ScoringRule(name, when, add)


def _grades(at: Cursor, lowest: int) -> tuple[Grade, ...]:
    """Read the thresholds; `lowest`: the fewest points that the rules can give."""
    found: list[Grade] = []
    for key, cursor in at.entries("the lowest points of each grade"):
        if key == LOWEST_GRADE:
            cursor.problem(f"{LOWEST_GRADE} is what fewer points get", "leave it out")
        elif key not in _GRADES:
            cursor.problem(f"`{key}` is not a grade", f"known: {', '.join(_GRADES)}")
        else:
            points = whole_number(cursor, "", negative=True)
            if points <= lowest:
                cursor.problem(f"{points} is refused", f"every lead would get it: give at least {lowest + 1}")
            found.append(Grade(key, points))
    found.sort(key=lambda grade: grade.grade)
    for better, worse in pairwise(found):
        if better.points <= worse.points:
            what = f"{better.grade} needs {better.points} points, no more than {worse.grade} with {worse.points}"
            at.problem(what, "give the better grade more points")
    return tuple(found)


def _distribution(at: Cursor) -> tuple[int, str]:
    section = at.section("how leads are sold", keys.DISTRIBUTION)
    rights = section.read("sell", _sell, 1, "write `exclusive` or {shared: 2}")
    methods = ("weighted_round_robin",)
    method = section.read("method", lambda c: known_word(c, methods, _METHODS_LATER), methods[0], f"write {methods[0]}")
    return rights, method


def _sell(at: Cursor) -> int:
    if at.word() == "exclusive":
        return 1
    if not at.is_mapping():
        at.problem(f"`{at.word()}` is not a way to sell", "write `exclusive` or {shared: 2}")
        return 1
    section = at.section("`exclusive` or {shared: 2}", keys.SELL)
    return section.read("shared", _shared, 1, "say to how many buyers at most")


def _shared(at: Cursor) -> int:
    rights = whole_number(at, "to stop selling, `leadflow pause campaign`")
    if rights == 1 and at.word() == "1":
        at.problem("shared by one is exclusive", "write sell: exclusive")
    elif rights > RIGHTS_MAX:
        at.problem(f"a lead is sold at most {RIGHTS_MAX} times", "give a smaller number")
    return rights
