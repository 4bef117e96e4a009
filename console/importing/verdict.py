"""What a campaign will say to a whole file: by the very rules that the workers apply, before anything is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from agents.dedup.keys import Family, families
from agents.dedup.validate import Validator
from config.plan.compiled import CompiledPlan
from console.importing.mapping import ColumnMap, MappingProblem, Origin, RowProblem, lead_of
from console.importing.reading import Row, Unreadable


@dataclass(slots=True)
class FileVerdict:
    """Counts over a file. `rows` = `unreadable` + `repeats` + `valid` + `invalid`.

    `faults` counts by field and words; one lead may have several. `notes` counts values that were mended.
    `repeats`: rows with the identity of an earlier row of this file. `duplicates`, of the valid ones: rows of the same
    person as an earlier row, as the campaign tells persons; of two such leads the one that is worked on first is sold.
    `unread` counts why rows cannot be read, and `unread_line` is the line of the first one of each reason.
    """

    rows: int = 0
    unreadable: int = 0
    valid: int = 0
    invalid: int = 0
    repeats: int = 0
    duplicates: int = 0
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    unread_line: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Admission:
    """What a campaign looks at: its fields, and by which of them it knows a person again."""

    validator: Validator
    families: tuple[Family, ...]


def admit(plan: CompiledPlan, origin: Origin) -> Admission:
    """Return what the campaign looks at. Raises MappingProblem when the supplier may not send into the campaign."""
    if origin.campaign_id not in plan.campaigns:
        there = ", ".join(sorted(plan.campaigns))
        raise MappingProblem(f"--campaign: plan {plan.version} has no campaign {origin.campaign_id!r}; it has: {there}")
    suppliers = sorted(supplier.id for supplier in plan.plan.suppliers)
    if not plan.has_supplier(origin.supplier_id):
        there = ", ".join(suppliers)
        raise MappingProblem(f"--supplier: plan {plan.version} has no supplier {origin.supplier_id!r}; it has: {there}")
    if plan.supplier_terms(origin.supplier_id, origin.campaign_id) is None:
        may = [name for name in suppliers if plan.supplier_terms(name, origin.campaign_id)]
        raise MappingProblem(
            f"--supplier: {origin.supplier_id} may not send into {origin.campaign_id}; these may: {', '.join(may)}"
        )
    campaign = plan.campaigns[origin.campaign_id]
    return Admission(Validator(campaign.fields), families(campaign.id, campaign.dedupe))


def judge(
    rows: Iterable[Row | Unreadable],
    columns: ColumnMap,
    origin: Origin,
    admission: Admission,
    on_row: Callable[[], object] = lambda: None,
) -> FileVerdict:
    """Check every row; `on_row` is called once for each, for progress."""
    verdict = FileVerdict()
    seen: set[int] = set()
    persons: set[int] = set()
    for row in rows:
        verdict.rows += 1
        on_row()
        try:
            if isinstance(row, Unreadable):
                raise RowProblem(row.reason)
            lead = lead_of(columns.values(row.values), origin, 0)
        except RowProblem as problem:
            verdict.unreadable += 1
            verdict.unread[str(problem)] += 1
            verdict.unread_line.setdefault(str(problem), row.line)
            continue
        identity = hash(lead.supplier_lead_id)  # 8 bytes a row instead of the whole id
        if identity in seen:
            verdict.repeats += 1
            continue
        seen.add(identity)
        checked = admission.validator.check(lead)
        if not checked.faults:
            verdict.valid += 1
            verdict.duplicates += _is_known(persons, admission.families, checked.values)
        verdict.invalid += bool(checked.faults)
        verdict.faults.update((fault.field, fault.detail) for fault in checked.faults)
        verdict.notes.update(checked.notes)
    return verdict


def _is_known(persons: set[int], kinds: Iterable[Family], values: Mapping[str, str]) -> bool:
    """Say whether one of the lead's keys was met before; if none was, its keys are known from now on."""
    keys = {
        hash((kind.name, *(values[name] for name in kind.fields)))  # 8 bytes a key instead of a person
        for kind in kinds
        if all(values.get(name) for name in kind.fields)
    }
    if not keys.isdisjoint(persons):
        return True
    persons |= keys
    return False
