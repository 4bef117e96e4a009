"""A lead against its campaign's fields: every fault at once, or the lead in canonical form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from agents.asked import LEAD_COLUMNS
from agents.dedup.fields import Field, compile_field
from agents.dedup.text import Wrong
from config.plan.model import FieldRule
from schemas.codec import own_writer
from schemas.compiled_text import compile_lead_writer
from schemas.reasons import Reason
from schemas.records import Fault, Lead, LeadReceived

#: Typed columns of a received lead that may be fields of a campaign; every other field is read from its map.
_ABOUT_THE_RECORD = {"supplier_lead_id", "campaign_id", "supplier_id", "submitted_at", "test", "sub_ids", "fields"}
RECEIVED_COLUMNS = frozenset(LeadReceived.__struct_fields__) - _ABOUT_THE_RECORD

#: Reads the canonical values of a lead, or None.
PlainReader = Callable[[LeadReceived], dict[str, str] | None]


class Checked(msgspec.Struct, frozen=True, gc=False):
    """What validation found. With faults, `values` holds only what was right. `notes`: how values were mended."""

    values: dict[str, str]
    notes: tuple[str, ...]
    faults: tuple[Fault, ...]

    def __repr__(self) -> str:
        return f"Checked({len(self.values)} values, {self.faults})"


def _getter(columns: list[str]) -> Callable[[LeadReceived], tuple[str | None, ...]]:
    """Return what gets these columns at once."""
    if len(columns) < 2:
        return lambda received: tuple(getattr(received, name) for name in columns)
    return attrgetter(*columns)


def _plain_reader(columns: Sequence[Field], mapped: Sequence[Field]) -> PlainReader:
    """Return what reads a lead without a fault and with nothing to note, written out field by field:

        if (x := lead.email) and (x := read0(x)): values['email'] = x
        else: return None

    None, or Wrong: something is to be said of the lead. Every lead is read, and a loop takes a third longer.
    """
    lines = ["def read(lead):", "    values = {}; get = lead.fields.get"]
    names: dict[str, Any] = {}
    for number, field in enumerate([*columns, *mapped]):
        names[f"read{number}"] = field.read
        raw = f"lead.{field.name}" if number < len(columns) else f"get({field.name!r})"
        lines.append(f"    if (raw := {raw}) and (x := read{number}(raw)): values[{field.name!r}] = x")
        if field.required:
            lines.append("    else: return None")
        if field.note is not None:
            lines.append("    if raw and raw != x: return None")
    lines.append("    return values")
    exec(compile("\n".join(lines), "<reader of a campaign's fields>", "exec"), names)  # noqa: S102 - our own lines
    read: PlainReader = names["read"]
    return read


def _chooser(chosen: Sequence[str]) -> Callable[[dict[str, str]], dict[str, str]]:
    """Return what chooses the values of these fields, those that the lead has; all at once if it has all."""
    pairs = ", ".join(f"{name!r}: values[{name!r}]" for name in chosen)
    all_of: Callable[[dict[str, str]], dict[str, str]]
    all_of = eval(f"lambda values: {{{pairs}}}")  # noqa: S307 - our own line

    def choose(values: dict[str, str]) -> dict[str, str]:
        try:
            return all_of(values)
        except KeyError:
            return {name: values[name] for name in chosen if name in values}

    return choose


class Validator:
    """The fields of one campaign at one plan version, compiled. Fields the campaign does not list are dropped.

    `attributes` chooses the values of fields marked `personal: false`, which go into facts that are kept for ever;
    `private` the personal values that a condition of the campaign reads: for stages, never for facts.
    """

    def __init__(self, rules: tuple[FieldRule, ...]) -> None:
        fields = [compile_field(rule) for rule in rules]
        columns = [field for field in fields if field.name in RECEIVED_COLUMNS]
        mapped = [field for field in fields if field.name not in RECEIVED_COLUMNS]
        self._plainly = _plain_reader(columns, mapped)
        self._readers = [(f.name, f.required, f.read) for f in columns + mapped]
        self._get_columns = _getter([field.name for field in columns])
        self._mapped = [field.name for field in mapped]
        self._order = {rule.name: at for at, rule in enumerate(rules)}
        self._noted = [((columns + mapped).index(f), f.name, f.note) for f in fields if f.note is not None]
        self._extra = tuple(rule.name for rule in rules if rule.name not in LEAD_COLUMNS)
        self._plain_body = compile_lead_writer(LEAD_COLUMNS, self._extra)
        self.attributes = _chooser([rule.name for rule in rules if not rule.personal])
        self.private = _chooser([rule.name for rule in rules if rule.personal and rule.condition_read])

    def check(self, received: LeadReceived) -> Checked:
        """Return the canonical values, or every fault, in the plan's order of fields."""
        try:
            values = self._plainly(received)
        except Wrong:
            values = None
        return Checked(values, (), ()) if values is not None else self.check_each(received)

    def check_each(self, received: LeadReceived) -> Checked:
        """Return what `check` does, field by field: the way of leads with a fault or with something to note."""
        values: dict[str, str] = {}
        faults: list[Fault] = []
        raws = (*self._get_columns(received), *map(received.fields.get, self._mapped))
        for (name, required, read), raw in zip(self._readers, raws, strict=True):
            if raw:
                try:
                    value = read(raw)
                except Wrong as wrong:
                    faults.append(Fault(name, wrong.code, wrong.detail))
                    continue
                if value:
                    values[name] = value
                    continue
            if required:
                faults.append(Fault(name, Reason.VALIDATION_MISSING, "is required and missing or empty"))
        if faults:
            faults.sort(key=lambda fault: self._order[fault.field])
        return Checked(values, self._notes(raws, values) if self._noted else (), tuple(faults))

    def _notes(self, raws: Sequence[str | None], values: dict[str, str]) -> tuple[str, ...]:
        """Return how values were mended, in words without the values."""
        notes = []
        for at, name, note in self._noted:
            value, raw = values.get(name), raws[at]
            if value is not None and raw is not None and raw != value and (words := note(raw)):
                notes.append(f"{name}: {words}")
        return tuple(notes)

    def lead(self, values: dict[str, str]) -> Lead:
        """Return the lead as it travels on."""
        get = values.get
        return Lead(
            get("first_name"),
            get("last_name"),
            get("email"),
            get("phone"),
            get("address"),
            get("city"),
            get("state"),
            get("postal_code"),
            {name: values[name] for name in self._extra if name in values},
        )

    def body(self, values: dict[str, str]) -> bytes:
        """Return the bytes of the lead as it travels on."""
        return self._plain_body(values) or own_writer("Lead")(self.lead(values))
