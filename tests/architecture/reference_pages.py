"""The pages of docs/ that are made from the code: topics, metrics, settings, reasons, and the permissions in security.

    python -m tests.architecture.reference_pages

Writes them; `test_docs.py` fails when one of them is not what this would write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from config.settings_shown import settings_table
from console.audit.metrics import AUDIT_CATALOGUE
from console.permissions import ROLES, Permission, Place
from console.reasons import DECLINED, FAULTS, REJECTED, UNSOLD
from schemas.avro_files import file_schema, nested_records, personal_fields, self_contained
from schemas.records import Record
from schemas.topics import TopicSpec, buyer_spec, catalogue
from streams.metric_catalogue import CATALOGUE, LABEL_VALUES, MetricSpec
from tests.support.checkout import ROOT

DOCS = ROOT / "docs"
MADE = "Made from `{source}` by `python -m tests.architecture.reference_pages`; a test compares."
LEAD_TOPICS = {"lead": "lead partitions", "buyer": "buyer partitions", "one": "1"}
KEPT = {"personal": "90 days, by setting", "for ever": "for ever", "compacted": "newest of each key"}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar inside a cell is written so that it is none."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def topics_page() -> str:
    """Return docs/topics.md."""
    specs = [*catalogue(), buyer_spec("<buyer_id>")]
    public = [spec for spec in specs if not spec.name.startswith("internal.") and not spec.name.endswith(".dead")]
    internal = [spec for spec in specs if spec not in public]
    head = ("topic", "key", "record", "partitions", "kept", "person", "what")
    parts = [
        "# Topics",
        MADE.format(source="schemas/topics.py` and `schemas/avro/"),
        "`leadflow topics create` makes them, `leadflow topics check` compares a cluster with this page. All names "
        "have `LEADFLOW_PREFIX` in front. Partition counts are chosen once, by `LEADFLOW_LEAD_PARTITIONS` and "
        "`LEADFLOW_BUYER_PARTITIONS` (8 each), and never change: the key decides the partition, and the partition who "
        "owns the lead or the buyer. All topics are stamped by the broker (LogAppendTime). Values are Avro in "
        "Confluent's wire format; [consuming.md](consuming.md) shows how to read them.",
        "## For everyone",
        "`leads.received` is the one topic that upstream systems write to, records up to 64 KiB. The others are read: "
        "facts without a person are kept for ever, topics with a person for `LEADFLOW_RETENTION_DAYS`.",
        table(head, [_topic(spec) for spec in public]),
        "## For leadflow alone",
        "Their records show buyers' routes and rivals, and change between releases without notice. Nobody else reads "
        "or writes them.",
        table(head, [_topic(spec) for spec in internal]),
        "## Records",
        "Times (`_at`) are ms since 1970 in UTC, Avro's timestamp-millis. Amounts (`_minor`) are minor units of the "
        "`currency` beside them: 4200 is 42.00. A new field gets a default, so readers of an older schema go on.",
        *(_record(kind) for kind in dict.fromkeys(kind for spec in public for kind in spec.records)),
    ]
    return "\n\n".join(parts) + "\n"


def _topic(spec: TopicSpec) -> tuple[str, ...]:
    records = ", ".join(f"`{kind.__name__}`" for kind in spec.records)
    person = "yes" if spec.personal else ""
    return (f"`{spec.name}`", spec.key, records, LEAD_TOPICS[spec.spread], KEPT[spec.keeping], person, spec.doc)


def _record(kind: type[Record]) -> str:
    name = kind.__name__
    parts = [f"### {name}", str(file_schema(name)["doc"])]
    for schema in nested_records(self_contained(name)):
        if schema["name"] != name:
            parts.append(f"`{schema['name']}`: {schema['doc']}")
        personal = personal_fields(schema["name"])
        rows = [
            (f"`{field['name']}`", _type(field["type"]), "yes" if field["name"] in personal else "", field["doc"])
            for field in schema["fields"]
        ]
        parts.append(table(("field", "type", "person", "what"), rows))
    return "\n\n".join(parts)


def _type(schema: object) -> str:
    """Return an Avro type in words."""
    if isinstance(schema, list):
        return " or ".join(_type(branch) for branch in schema)
    if isinstance(schema, Mapping):
        if schema["type"] in {"array", "map"}:
            return f"{schema['type']} of {_type(schema['items' if schema['type'] == 'array' else 'values'])}"
        return str(schema.get("logicalType") or schema.get("name") or schema["type"])
    return str(schema).removeprefix("leadflow.")


def metrics_page() -> str:
    """Return docs/metrics.md."""
    closed = sorted((label, values) for label, values in LABEL_VALUES.items())
    parts = [
        "# Metrics",
        MADE.format(source="streams/metric_catalogue.py"),
        "Each worker serves them at `/metrics` of its web port (6066, `LEADFLOW_WEB_PORT`) in Prometheus' text form. "
        "`config/prometheus/` has the settings and the alerts, `config/grafana/` the dashboard; "
        "[runbook.md](runbook.md) says what to do when an alert fires.",
        "Counters begin at 0 with the worker, and one with labels appears with its first event. Test leads count "
        "nowhere but in the numbers of epochs and records. No label carries a value of a person.",
        table(("metric", "kind", "labels", "what"), [_metric(spec) for spec in CATALOGUE]),
        "## Labels",
        "A value outside of its closed set is shown as `other`. `partition` is a number; `buyer` and `contract` are "
        "ids of the plan.",
        table(("label", "values"), [(f"`{label}`", _values(values)) for label, values in closed]),
        "## The auditor",
        "`leadflow audit --follow` serves these at `/metrics` of its own port (6067, `--metrics-port`) at "
        "`LEADFLOW_WEB_HOST`; [audit.md](audit.md) says what each rule means. Every rule has its series from the "
        "start.",
        table(("metric", "kind", "labels", "what"), [_metric(spec) for spec in AUDIT_CATALOGUE]),
        "## What a scrape adds",
        "`instance` is the process's address, `job` is `leadflow` for workers and `leadflow-audit` for the auditor; a "
        "labelled gauge of a partition comes from the worker that owns it, so sums over workers count each partition "
        "once.",
    ]
    return "\n\n".join(parts) + "\n"


def _metric(spec: MetricSpec) -> tuple[str, ...]:
    suffix = {"counter": "_total", "histogram": "_bucket", "gauge": ""}[spec.kind]
    bounds = f" Buckets up to {spec.buckets[-1]:g} s." if spec.buckets else ""
    labels = ", ".join(f"`{label}`" for label in spec.labels)
    return (f"`{spec.name}{suffix}`", spec.kind, labels, spec.doc + bounds)


def _values(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" if value else "(empty)" for value in sorted(values))


def settings_page() -> str:
    """Return docs/settings.md."""
    rows = [(f"`{row.variable}`", row.values, row.default and f"`{row.default}`", row.doc) for row in settings_table()]
    parts = [
        "# Settings",
        MADE.format(source="config/settings.py"),
        "Settings are environment variables, read once when a process starts. What is not set comes from the running "
        "cluster of `LEADFLOW_DATA` (`leadflow up` writes it down there), else from the default. `leadflow settings` "
        "shows the values of a process and where each comes from; secrets and passwords in URLs are stars. A wrong or "
        "misspelt variable stops the process before it does anything: all problems at once, exit code 78.",
        table(("variable", "values", "default", "what"), rows),
        "[security.md](security.md) shows what `LEADFLOW_KAFKA_SECURITY_FILE` may hold.",
        "`LEADFLOW_CACHE` is the folder for downloads (Kafka's jars); it is no setting of a process, and tests have "
        "variables of their own that begin with `LEADFLOW_TEST_`.",
        "## Which must be the same for all workers",
        "`LEADFLOW_KAFKA`, `LEADFLOW_REDIS`, `LEADFLOW_PREFIX`, `LEADFLOW_GROUP`, `LEADFLOW_HASH_KEY`, the partition "
        "counts, `LEADFLOW_RETENTION_DAYS` and the clock. `LEADFLOW_NAME` must differ: it is the worker's slot, and "
        "`leadflow worker --name` sets it. Keep `LEADFLOW_HASH_KEY`: with another one the claims of the whole window "
        "are made anew from `leads.unique` while intake rests, hashes of before are unlike those of later, and rows "
        "that were imported without an id of their own get other ids, so that a file imported again is no repeat.",
    ]
    return "\n\n".join(parts) + "\n"


def reasons_page() -> str:
    """Return docs/reasons.md."""
    parts = [
        "# Reasons",
        MADE.format(source="console/reasons.py"),
        "Every lead, right and contract that was passed over ends with one of these codes, in the facts "
        "([topics.md](topics.md)), on the screen, and as the label `reason` of the metrics. `leadflow lead show ID` "
        "says them with their numbers and values. A new release may add codes: take one that you do not know as "
        "another reason.",
    ]
    for title, where, codes in (
        ("A lead goes no further", "`leads.rejected`", REJECTED),
        ("A field is wrong", "`faults` of `leads.rejected`", FAULTS),
        ("A contract is passed over, or declines", "`trace` of `leads.sold` and `rights.unfilled`", DECLINED),
        ("A right, or the whole lead, ends unsold", "`rights.unfilled` and `leads.closed`", UNSOLD),
    ):
        rows = [(f"`{code}`", words) for code, words in codes.items()]
        parts += [f"## {title}", f"In {where}.", table(("code", "what it says"), rows)]
    parts += [
        "Where all contracts that accept the lead gave the same reason, and it is none that is summed up as `ALL_...`, "
        "the right ends with that one, such as `TESTS_NOT_ACCEPTED`. `leads.closed` says `SOLD` when one right or "
        "more was sold. Dead letters have reasons of their own: [runbook.md](runbook.md#leadflowrecordssetaside).",
    ]
    return "\n\n".join(parts) + "\n"


def security_page() -> str:
    """Return docs/security.md: written by hand, but for the table of permissions."""
    text = (DOCS / "security.md").read_text(encoding="utf-8")
    before, begin, rest = text.partition("<!-- permissions: begin -->\n")
    _, end, after = rest.partition("<!-- permissions: end -->\n")
    at = Place("PREFIX", buyer="ID")
    rows = [(role if n == 0 else "", *_permission(each)) for role, of in ROLES.items() for n, each in enumerate(of(at))]
    return "".join((before, begin, table(("role", "on", "may", "what for"), rows), "\n", end, after))


def _permission(each: Permission) -> tuple[str, str, str]:
    name = f" `{each.name}{'*' if each.prefixed else ''}`" if each.name else ""
    may = ", ".join(each.operations)
    return f"{each.kind.replace('-', ' ')}{name}", f"({may})" if each.optional else may, each.why


PAGES: Mapping[str, Callable[[], str]] = {
    "topics.md": topics_page,
    "metrics.md": metrics_page,
    "settings.md": settings_page,
    "reasons.md": reasons_page,
    "security.md": security_page,
}


def write(folder: Path = DOCS) -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
