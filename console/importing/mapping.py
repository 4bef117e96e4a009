"""Which column of a file is which field of a lead: guessed by name, and the last word to `--map`."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches

from schemas.errors import LeadflowError
from schemas.records import LeadReceived

#: Fields that `LeadReceived` has a place of its own for; every other field travels in its map.
OWN_PLACE = frozenset(
    {
        "first_name",
        "last_name",
        "email",
        "phone",
        "address",
        "city",
        "state",
        "postal_code",
        "trustedform_cert_url",
        "jornaya_leadid",
        "tcpa_text",
        "landing_page_url",
        "ip_address",
        "user_agent",
    }
)
#: What a row may say about the lead beside the campaign's fields.
ABOUT_THE_LEAD = ("supplier_lead_id", "submitted_at", "sub_id_1", "sub_id_2", "sub_id_3", "sub_id_4", "sub_id_5")
#: Proof and origin are kept with the received lead even when the campaign does not list them.
KEPT_ANYWAY = frozenset({"trustedform_cert_url", "jornaya_leadid", "tcpa_text", "landing_page_url", "ip_address"})

#: Other names of a field, likeliest first; compared without case, blanks and signs. A plain `id` is not among those
#: of supplier_lead_id: it is too often a line number, and two leads with one id count as the same lead.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "first_name": ("firstname", "fname", "first", "givenname", "forename", "namefirst"),
    "last_name": ("lastname", "lname", "last", "surname", "familyname", "namelast"),
    "email": ("email", "emailaddress", "mail", "email1", "contactemail", "emailid"),
    "phone": (
        "phone",
        "phone1",
        "phonenumber",
        "primaryphone",
        "mobile",
        "mobilephone",
        "cell",
        "cellphone",
        "telephone",
        "tel",
        "homephone",
        "dayphone",
        "contactnumber",
        "phone2",
    ),
    "address": ("address", "address1", "street", "streetaddress", "addressline1", "addr", "mailingaddress"),
    "city": ("city", "town", "locality"),
    "state": ("state", "statecode", "st", "stateabbr", "province", "region"),
    "postal_code": ("postalcode", "zip", "zipcode", "zip5", "postcode", "postal", "zippostalcode"),
    "trustedform_cert_url": (
        "trustedformcerturl",
        "xxtrustedformcerturl",
        "trustedform",
        "trustedformurl",
        "trustedformcert",
        "certurl",
    ),
    "jornaya_leadid": ("jornayaleadid", "universalleadid", "leadidtoken", "jornaya", "jornayaid"),
    "tcpa_text": ("tcpatext", "tcpa", "tcpalanguage", "consenttext", "disclosure"),
    "landing_page_url": ("landingpageurl", "landingpage", "sourceurl", "pageurl"),
    "ip_address": ("ipaddress", "ip", "clientip", "userip"),
    "user_agent": ("useragent", "browser"),
    "supplier_lead_id": ("supplierleadid", "vendorleadid", "leadid", "externalid", "xid"),
}

_SIGNS = re.compile(r"[^a-z0-9]+")


class MappingProblem(LeadflowError):
    """A mapping that was asked for cannot be; the message names what there is instead."""


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Which field each used column fills: (column's index, field) in the order of the file."""

    columns: tuple[str, ...]
    fields: tuple[tuple[int, str], ...]

    @property
    def unused(self) -> tuple[str, ...]:
        """Names of the columns that no field takes."""
        used = {index for index, _ in self.fields}
        return tuple(name for index, name in enumerate(self.columns) if index not in used)

    def column_of(self, field: str) -> str | None:
        """Return the name of the column that fills a field, or None."""
        return next((self.columns[index] for index, name in self.fields if name == field), None)

    def values(self, row: Sequence[str]) -> dict[str, str]:
        """Return the row's values by field, outer blanks cut, empty ones left out."""
        return {field: value for index, field in self.fields if (value := row[index].strip())}


def guess(columns: Sequence[str], campaign_fields: Collection[str], asked: Mapping[str, str]) -> ColumnMap:
    """Map columns to fields: first as asked, then by equal name, then by a known other name; each field once.

    Args:
        columns: unique names, in the order of the file.
        campaign_fields: what the campaign lists; a column is mapped by guess only to one of these, to a consent
            proof, or to supplier_lead_id. `submitted_at` and sub ids are mapped only when asked for.
        asked: column -> field; the field "" leaves the column out.

    Raises:
        MappingProblem: an asked column or field does not exist, or a field was asked for twice.
    """
    allowed = frozenset(campaign_fields) | KEPT_ANYWAY | {"supplier_lead_id"}
    taken = _as_asked(columns, allowed | set(ABOUT_THE_LEAD), asked)
    free = [name for name in columns if name not in asked]
    for rank in range(max(map(len, SYNONYMS.values())) + 1):
        for field in sorted(allowed - set(taken.values())):
            name = _called(field, rank)
            column = next((c for c in free if name and _plain(c) == name and c not in taken), None)
            if column is not None:
                taken[column] = field
    pairs = ((index, taken[name]) for index, name in enumerate(columns) if taken.get(name))
    return ColumnMap(tuple(columns), tuple(pairs))


def _called(field: str, rank: int) -> str:
    """Return the field's own plain name at rank 0, its other names after that, "" when there are no more."""
    names = (_plain(field), *SYNONYMS.get(field, ()))
    return names[rank] if rank < len(names) else ""


def _plain(name: str) -> str:
    return _SIGNS.sub("", name.lower())


def _as_asked(columns: Sequence[str], fields: Collection[str], asked: Mapping[str, str]) -> dict[str, str]:
    taken: dict[str, str] = {}
    for column, field in asked.items():
        if column not in columns:
            raise MappingProblem(f"--map: the file has no column {column!r}{_near(column, columns)}")
        if field and field not in fields:
            raise MappingProblem(f"--map: the campaign has no field {field!r}{_near(field, fields)}")
        if field and field in taken.values():
            raise MappingProblem(f"--map: two columns are mapped to {field!r}; leave one out with --map 'column='")
        taken[column] = field
    return taken


def _near(name: str, names: Iterable[str]) -> str:
    names = sorted(names)
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    return f"; did you mean {', '.join(close)}?" if close else f"; there are: {', '.join(names)}"


def parse_asked(pairs: Iterable[str]) -> dict[str, str]:
    """Read `column=field` pairs as typed after --map; the last `=` divides, so a column's name may hold one.

    Raises:
        MappingProblem: a pair without `=`, or one column twice.
    """
    asked: dict[str, str] = {}
    for pair in pairs:
        column, equals, field = pair.rpartition("=")
        if not equals:
            raise MappingProblem(f"--map wants column=field, not {pair!r}")
        if column.strip() in asked:
            raise MappingProblem(f"--map names the column {column.strip()!r} twice")
        asked[column.strip()] = field.strip()
    return asked


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the leads of one file belong: what every row of it has in common.

    `key` makes derived ids: rows are hashed with it, so that an id tells nobody which person it stands for.
    """

    campaign_id: str
    supplier_id: str
    test: bool
    key: bytes


class RowProblem(ValueError):
    """A mapped row cannot become a lead; the message names the column's field, never its value."""


def lead_of(values: Mapping[str, str], origin: Origin, now_ms: int) -> LeadReceived:
    """Make the lead that a row stands for; nothing in it is checked against the campaign yet.

    The same row gives the same `supplier_lead_id` again, whatever the order of its columns and the time of import,
    so importing a file twice sells nothing twice.

    Args:
        values: by field, none of them empty; as `ColumnMap.values` returns them.
        origin: what the file's leads have in common.
        now_ms: when the lead is handed in, for rows without a `submitted_at` of their own.

    Raises:
        RowProblem: `submitted_at` is no time with a zone.
    """
    own = {name: value for name, value in values.items() if name in OWN_PLACE}
    rest = {name: value for name, value in values.items() if name not in OWN_PLACE and name not in ABOUT_THE_LEAD}
    submitted = values.get("submitted_at")
    return LeadReceived(
        supplier_lead_id=values.get("supplier_lead_id") or derived_id(values, origin.key),
        campaign_id=origin.campaign_id,
        supplier_id=origin.supplier_id,
        submitted_at=_time_ms(submitted) if submitted else now_ms,
        test=origin.test,
        sub_ids=tuple(values[name] for name in ABOUT_THE_LEAD if name.startswith("sub_id") and name in values),
        fields=rest,
        **own,
    )


def derived_id(values: Mapping[str, str], key: bytes) -> str:
    """Return the id of a row that brings none: `row-` and 32 hex signs of a keyed hash over its fields."""
    text = "\x1e".join(f"{name}\x1f{values[name]}" for name in sorted(values))
    return "row-" + hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


def _time_ms(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise RowProblem("submitted_at is no ISO time such as 2026-06-02T10:15:00-07:00") from None
    if at.tzinfo is None:
        raise RowProblem("submitted_at has no time zone; write 2026-06-02T10:15:00Z for UTC")
    return round(at.astimezone(UTC).timestamp() * 1000)
