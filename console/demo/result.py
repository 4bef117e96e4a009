"""The demo's result as tables: what each buyer got, what became of the leads, what the separate reader found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from console.audit.evidence import Evidence
from console.audit.limits import Limit, Terms
from console.audit.verdict import Verdict
from console.demo.leads import Kind
from console.screen import money, table
from schemas.reasons import Reason


@dataclass(frozen=True, slots=True)
class Totals:
    """What became of all leads. Amounts in minor units; `left` maps a reason to the money left unsold for it."""

    received: int
    unique: int
    repeats: int
    rejected: Mapping[str, int]
    sold: int
    sales: int
    unsold: Mapping[str, int]
    revenue: int
    payout: int
    left: Mapping[str, int]
    currency: str


def totals(evidence: Evidence) -> Totals:
    """Add up what the topics say."""
    reasons = evidence.reasons()
    repeats = reasons.pop(Reason.REPEAT, 0)
    closed = evidence.closed
    left: Counter[str] = Counter()
    for fact in closed:
        if not fact.sold:
            left[fact.reason] += fact.value_minor
    return Totals(
        received=len(evidence.received),
        unique=len({lead.lead_id for lead in evidence.unique}),
        repeats=repeats,
        rejected=dict(reasons.most_common()),
        sold=sum(fact.sold > 0 for fact in closed),
        sales=len(evidence.sold),
        unsold=dict(Counter(fact.reason for fact in closed if not fact.sold).most_common()),
        revenue=sum(fact.revenue_minor for fact in closed),
        payout=sum(fact.payout_minor for fact in closed),
        left=dict(left),
        currency=closed[0].currency if closed else "USD",
    )


def differences(found: Totals, made: Mapping[Kind, int]) -> list[str]:
    """Say where the result differs from what the file was made of: the leads were made, so their fate is known."""
    wanted = {
        "received": (found.received, sum(made.values())),
        "repeats": (found.repeats, made.get(Kind.REPEAT, 0)),
        "duplicates": (found.rejected.get(Reason.DUPLICATE, 0), made.get(Kind.DUPLICATE, 0)),
        "invalid": (found.rejected.get(Reason.INVALID, 0), made.get(Kind.INVALID, 0)),
        "without a buyer in their area": (found.unsold.get(Reason.NO_COVERAGE, 0), made.get(Kind.OUT_OF_AREA, 0)),
    }
    return [f"{name}: {is_:,}, but {should:,} were made" for name, (is_, should) in wanted.items() if is_ != should]


def buyers_table(evidence: Evidence, verdict: Verdict) -> Table:
    """Return a row a buyer: leads bought, its caps with what was used, revenue; a full cap is marked."""
    made = table("buyer", "sold", "caps", "revenue", right=[1, 3])
    newest = evidence.terms[max(evidence.terms)] if evidence.terms else {}
    sales = evidence.sales_of()
    for buyer_id, terms in newest.items():
        own = sales.get(buyer_id, [])
        currency = own[0].currency if own else "USD"
        revenue = sum(sale.price_minor for sale in own)
        caps = Text("\n").join(_caps(buyer_id, terms, verdict, currency)) or Text("unlimited")
        made.add_row(Text(terms.name), f"{len(own):,}", caps, money(revenue, currency))
    return made


def _caps(buyer_id: str, terms: Terms, verdict: Verdict, currency: str) -> Iterator[Text]:
    fills = {(fill.contract_id, fill.limit): fill for fill in verdict.fills if fill.buyer_id == buyer_id}
    for contract_id, limits in terms.limits.items():
        for limit in limits:
            fill = fills.get((contract_id, limit))
            full = fill is not None and fill.full
            whose = "contract " if contract_id else ""
            text = f"{whose}{_used(limit, fill.used if fill else 0, currency)} a {limit.window}"
            yield Text(text + (" full" if full else ""), style="bold" if full else "")


def _used(limit: Limit, used: int, currency: str) -> str:
    if limit.measure == "leads":
        return f"{used:,} of {limit.limit:,}"
    return f"{money(used, currency)} of {money(limit.limit, currency)}"


def totals_table(found: Totals) -> Table:
    """Return the totals, each line adding up."""
    made = table("", "", "")
    rejected = sum(found.rejected.values())
    why = ", ".join(f"{count:,} {reason}" for reason, count in found.rejected.items())
    unsold = ", ".join(f"{count:,} {reason}" for reason, count in found.unsold.items())
    left = ", ".join(f"{money(minor, found.currency)} {reason}" for reason, minor in found.left.items() if minor)
    rows = [
        (
            "received",
            f"{found.received:,}",
            f"= {found.unique:,} unique + {found.repeats:,} repeats + {rejected:,} rejected",
        ),
        ("rejected", f"{rejected:,}", why),
        ("sold", f"{found.sold:,}", f"leads, in {found.sales:,} sales"),
        ("unsold", f"{sum(found.unsold.values()):,}", unsold),
        ("revenue", money(found.revenue, found.currency), f"- payout {money(found.payout, found.currency)}"),
        ("margin", money(found.revenue - found.payout, found.currency), ""),
        ("left unsold", money(sum(found.left.values()), found.currency), left),
    ]
    for label, number, words in rows:
        made.add_row(label, Text(number), Text(words))
    made.columns[1].justify = "right"
    made.show_header = False
    return made


def show_verdict(console: Console, verdict: Verdict, killed_at: int, mismatches: list[str]) -> None:
    """Print what the separate reader found, in one line when all is well."""
    good = verdict.good and not mismatches
    console.print(Text(f"killed at lead {killed_at:,}: {verdict}", style="bold green" if good else "bold red"))
    for finding in verdict.findings[:20]:
        console.print(Text(f"  {finding.kind}: {finding.what}"))
    for mismatch in mismatches:
        console.print(Text(f"  {mismatch}"))
