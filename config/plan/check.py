"""Check a plan as a whole: from the text of its files to frozen values, or to all that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from config.plan import keys
from config.plan.buyers import buyers
from config.plan.campaigns import campaigns
from config.plan.canonical import JSON_BYTES_MAX, to_json
from config.plan.cursor import Context, Cursor, near_miss
from config.plan.model import FORMAT, Campaign, Plan, Supplier, SupplierTerms
from config.plan.money import CURRENCIES
from config.plan.problems import PlanProblems, Problem
from config.plan.reading import Entries, Text, read_files, read_tree
from config.plan.scalars import amount, check_id, known_word, name
from config.plan.times import week_start

#: How long topics with a person are kept, in days, unless the settings say otherwise.
RETENTION_DAYS: Final = 90
#: How long buyers' owners remember a lead, in days, unless the settings say otherwise.
MEMORY_DAYS: Final = 30

_OWED_LATER = dict.fromkeys(["on_every_sale", "per_sale", "on_acceptance", "always"], "use on_first_sale")


def load_plan(path: Path | str, retention_days: int = RETENTION_DAYS, memory_days: int = MEMORY_DAYS) -> Plan:
    """Read and check a plan; `path` is a YAML file, or a folder that holds the whole plan.

    Args:
        path: the file or folder.
        retention_days: how long `leads.unique` is kept; no campaign may look further back for duplicates.
        memory_days: how long buyers' owners remember a lead; none may be for sale longer than a third of it.

    Raises:
        PlanProblems: with everything that is wrong.
    """
    return check_sources(read_files(Path(path)), retention_days, memory_days)


def check_sources(
    sources: Mapping[str, str], retention_days: int = RETENTION_DAYS, memory_days: int = MEMORY_DAYS
) -> Plan:
    """Check the texts of a plan (file name -> text); as `load_plan`, without touching a disk."""
    tree, problems = read_tree(sources)
    plan = _plan(tree, problems, Context(_currency_of(tree), retention_days, memory_days))
    if not problems and (size := len(to_json(plan))) > JSON_BYTES_MAX:
        what = f"the checked plan has {size:,} bytes, the most is {JSON_BYTES_MAX:,}"
        problems.append(Problem(tree.place.file, 1, "", what, "it must fit in one record: shorten lists of values"))
    if problems:
        raise PlanProblems(dict.fromkeys(problems))
    return plan


def _plan(tree: Entries, problems: list[Problem], context: Context) -> Plan:
    at = Cursor(tree, tree.place, "", context, problems)
    section = at.section("a plan", keys.PLAN)
    section.read("leadflow", _format, FORMAT, f"begin with `leadflow: {FORMAT}`, the version of the plan's language")
    section.read("currency", _currency, "", "name the currency of all amounts, such as USD")
    found = section.read("campaigns", campaigns, (), "add the campaigns")
    return Plan(
        currency=context.currency,
        campaigns=found,
        suppliers=section.read("suppliers", lambda c: _suppliers(c, found), (), "add who sends leads"),
        buyers=section.read("buyers", lambda c: buyers(c, found), (), "add who receives leads"),
        week_starts=section.read("week_starts", week_start, 0),
    )


def _currency_of(tree: Entries) -> str:
    """Return the currency for reading amounts, before anything is told about it."""
    node = tree.items["currency"][1] if "currency" in tree.items else None
    return node.value if isinstance(node, Text) and node.value in CURRENCIES else "USD"


def _currency(at: Cursor) -> str:
    text = at.text("a currency, such as USD")
    if text and text not in CURRENCIES:
        at.problem(f"`{text}` is not a currency that is known here", near_miss(text.upper(), CURRENCIES))
    return text


def _format(at: Cursor) -> int:
    text = at.text("the version of the plan's language")
    if text and text != str(FORMAT):
        at.problem(f"version `{text}` of the plan's language is not known", f"this release reads version {FORMAT}")
    return FORMAT


def _suppliers(at: Cursor, known: tuple[Campaign, ...]) -> tuple[Supplier, ...]:
    entries = at.entries("suppliers by their ids")
    if not entries and at.is_mapping():
        at.problem("there is no supplier", "add one: without it no lead can come in")
    return tuple(_supplier(key, cursor, {campaign.id for campaign in known}) for key, cursor in entries)


def _supplier(supplier_id: str, at: Cursor, known: set[str]) -> Supplier:
    check_id(at, supplier_id, "supplier")
    section = at.section("a supplier", keys.SUPPLIER)
    terms = section.read("campaigns", lambda c: _terms(c, known), (), "name the campaigns it sends into")
    return Supplier(supplier_id, terms, section.read("name", name, ""))


def _terms(at: Cursor, known: set[str]) -> tuple[SupplierTerms, ...]:
    found = []
    for campaign_id, cursor in at.entries("campaigns by their ids"):
        if campaign_id not in known:
            cursor.problem(f"there is no campaign `{campaign_id}`", near_miss(campaign_id, sorted(known)))
        section = cursor.section("{payout: 14.00, owed: on_first_sale}", keys.SUPPLIER_TERMS)
        payout = section.read("payout", _payout, 0, "give the amount the supplier is paid, or the word `nothing`")
        owed = section.read("owed", lambda c: known_word(c, ("on_first_sale",), _OWED_LATER), "", "write on_first_sale")
        found.append(SupplierTerms(campaign_id, payout, owed))
    return tuple(found)


def _payout(at: Cursor) -> int:
    return 0 if at.word() == "nothing" else amount(at, "if the supplier is paid nothing, write the word `nothing`")
