"""A worker's metrics: named once, labelled from closed sets, cheap to count, read by Prometheus' own parser."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from schemas.reasons import Reason
from streams import events
from streams import metric_catalogue as m
from streams.kafka.producer import Cause
from streams.metric_catalogue import CATALOGUE, LABEL_VALUES, OUTCOMES, MetricSpec
from streams.metrics import Metrics, Sample
from streams.stage import TopicPartition
from streams.state import EngineState, RestoreProgress

RECEIVED = TopicPartition("leads.received", 3)


def shown(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return every sample by (name, label values in alphabetical order of their names)."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


# --- the catalogue ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: str(spec.name))
def test_a_metric_is_named_and_explained(spec: MetricSpec) -> None:
    assert re.fullmatch(r"leadflow_[a-z_]+[a-z]", spec.name)
    assert not spec.name.endswith("_total"), "the text form adds it"
    assert spec.doc.endswith(".")
    assert bool(spec.buckets) == (spec.kind == "histogram")
    assert list(spec.buckets) == sorted(spec.buckets)
    assert not re.search(r"\b(offer|right|slip|inbox)s?\b", spec.doc.lower()), "words of the inside"


def test_names_are_unique_and_all_constants_are_in_the_catalogue() -> None:
    assert len({spec.name for spec in CATALOGUE}) == len(CATALOGUE)
    assert {id(each) for each in vars(m).values() if isinstance(each, MetricSpec)} == {id(spec) for spec in CATALOGUE}


def test_labels_are_closed_or_numbers_or_ids_of_the_plan() -> None:
    labels = {label for spec in CATALOGUE for label in spec.labels}
    assert labels - set(LABEL_VALUES) == {"partition", "buyer", "contract"}
    assert set(Reason) <= LABEL_VALUES["reason"]
    assert set(get_args(Cause)) <= LABEL_VALUES["cause"]


# --- counting --------------------------------------------------------------------------------------------------


COMMITTED = events.EpochCommitted(records=1, handed_over=0, outputs=0, took_ms=7, slow=False, cpu_s={})
UNDONE = events.EpochUndone("EpochLost", sent=True)


def test_outcomes_of_a_stage_are_counted_in_peoples_words() -> None:
    metrics = Metrics()
    tally = metrics.outcomes("routing")
    tally["offered", ""] += 3
    tally["unfilled", Reason.ALL_CAPPED] += 1
    metrics.listen(COMMITTED)
    found = shown(metrics)
    assert found["leadflow_leads_total", ("routed", "", "routing")] == 3
    assert found["leadflow_leads_total", ("no_buyer", "ALL_CAPPED", "routing")] == 1


def test_what_an_epoch_decided_counts_once_it_is_committed_and_nowhere_if_it_is_undone() -> None:
    metrics = Metrics()
    tally = metrics.outcomes("delivery")

    def sell(leads: int) -> None:
        tally["sold", ""] += leads
        for _ in range(leads):
            metrics.sold_after_ms(50)

    def sold() -> tuple[float, float]:
        found = shown(metrics)
        key = ("leadflow_leads_total", ("sold", "", "delivery"))
        return found.get(key, 0), found["leadflow_received_to_sold_seconds_count", ()]

    sell(2)
    assert sold() == (0, 0)
    metrics.listen(UNDONE)
    sell(2)
    metrics.listen(COMMITTED)
    assert sold() == (2, 2)
    sell(1)
    metrics.listen(COMMITTED)
    metrics.listen(COMMITTED)
    assert sold() == (3, 3)


def test_a_value_outside_of_a_closed_set_is_other_and_never_shown() -> None:
    metrics = Metrics()
    for odd in ("Jo Doe", "jo@example.com"):
        metrics.outcomes("dedup")["rejected", odd] += 1
        metrics.outcomes("dedup")[odd, ""] += 1
    metrics.listen(COMMITTED)
    found = shown(metrics)
    assert found["leadflow_leads_total", ("rejected", "other", "dedup")] == 2
    assert found["leadflow_leads_total", ("other", "", "dedup")] == 2
    assert b"Doe" not in metrics.text()


def test_engine_events_are_counted() -> None:
    metrics = Metrics()
    metrics.listen(
        events.EpochCommitted(
            records=10, handed_over=4, outputs=25, took_ms=12, slow=False, cpu_s={"dedup": 0.25, "committing": 0.5}
        )
    )
    metrics.listen(
        events.EpochCommitted(records=1, handed_over=0, outputs=0, took_ms=700, slow=True, cpu_s={"dedup": 0.5})
    )
    metrics.listen(events.EpochUndone("EpochLost", sent=True))
    metrics.listen(events.RecordSetAside("dedup", RECEIVED, 7, "UNDECODABLE", dead_letter=True))
    metrics.listen(events.StageRests("dedup", "Redis does not answer"))
    metrics.listen(events.PrepareSlow("dedup", 900))
    metrics.listen(events.LaneChanged("dedup", 3, "running", ""))
    metrics.renewed("connection")
    found = shown(metrics)
    assert found["leadflow_epochs_total", ("committed",)] == 2
    assert found["leadflow_epochs_total", ("undone",)] == 1
    assert found["leadflow_epochs_undone_total", ("EpochLost",)] == 1
    assert (found["leadflow_records_total", ("in",)], found["leadflow_records_total", ("out",)]) == (11, 25)
    assert found["leadflow_records_total", ("handed_over",)] == 4
    assert found["leadflow_epochs_slow_total", ()] == 1
    assert found["leadflow_cpu_seconds_total", ("dedup",)] == 0.75
    assert found["leadflow_cpu_seconds_total", ("committing",)] == 0.5
    assert found["leadflow_epoch_seconds_bucket", ("0.01",)] == 0
    assert found["leadflow_epoch_seconds_bucket", ("0.025",)] == 1
    assert found["leadflow_epoch_seconds_bucket", ("+Inf",)] == found["leadflow_epoch_seconds_count", ()] == 2
    assert found["leadflow_epoch_seconds_sum", ()] == pytest.approx(0.712)
    key = ("UNDECODABLE", "dedup", "leads.received", "dead_letter")
    assert found["leadflow_records_set_aside_total", key] == 1
    assert found["leadflow_stage_rests_total", ("dedup",)] == found["leadflow_prepare_slow_total", ("dedup",)] == 1
    assert found["leadflow_producer_renewals_total", ("connection",)] == 1


def test_a_sale_is_timed_and_a_clock_that_goes_back_is_no_time() -> None:
    metrics = Metrics()
    metrics.sold_after_ms(50)
    metrics.sold_after_ms(-3)
    metrics.listen(COMMITTED)
    found = shown(metrics)
    assert found["leadflow_received_to_sold_seconds_bucket", ("0.01",)] == 1
    assert found["leadflow_received_to_sold_seconds_bucket", ("0.05",)] == 2
    assert found["leadflow_received_to_sold_seconds_sum", ()] == pytest.approx(0.05)


def test_a_counter_without_labels_starts_at_zero() -> None:
    assert shown(Metrics())["leadflow_epochs_slow_total", ()] == 0


# --- gauges ----------------------------------------------------------------------------------------------------


def test_an_engine_is_shown_as_it_stands_at_the_scrape() -> None:
    metrics = Metrics()
    metrics.watch(
        lambda: EngineState(
            owned=(RECEIVED, TopicPartition("leads.received", 4)),
            running=(RECEIVED,),
            restoring=(RestoreProgress("routing", 1, 100, 150, 300), RestoreProgress("routing", 2, 5, 5, 5)),
            stopped={("delivery", 1): "positions disagree"},
            resting={"dedup": "Redis does not answer"},
            lag={RECEIVED: 42},
            entries={("routing", 1): 1000},
            clock_off_ms=-250,
            not_ready=("restoring",),
        )
    )
    found = shown(metrics)
    assert found["leadflow_ready", ()] == 0
    assert found["leadflow_clock_off_seconds", ()] == -0.25
    assert found["leadflow_partitions_owned", ("leads.received",)] == 2
    assert found["leadflow_partitions_running", ("leads.received",)] == 1
    assert found["leadflow_lag_records", ("3", "leads.received")] == 42
    assert found["leadflow_table_entries", ("1", "routing")] == 1000
    assert (found["leadflow_restore_ratio", ("1", "routing")], found["leadflow_restore_ratio", ("2", "routing")]) == (
        0.25,
        1,
    )
    assert (found["leadflow_stage_resting", ("dedup",)], found["leadflow_stage_resting", ("routing",)]) == (1, 0)
    assert found["leadflow_partitions_stopped", ("delivery",)] == 1


def test_further_gauges_are_supplied_at_the_scrape() -> None:
    metrics = Metrics()
    used = [0.5]
    metrics.supply(lambda: [Sample(m.CAP_USED, ("sunco", "sunco-solar", "leads", "day"), used[0])])
    assert shown(metrics)["leadflow_cap_used_ratio", ("sunco", "sunco-solar", "leads", "day")] == 0.5
    used[0] = 1.0
    assert shown(metrics)["leadflow_cap_used_ratio", ("sunco", "sunco-solar", "leads", "day")] == 1


def test_two_workers_in_one_process_share_nothing() -> None:
    one, two = Metrics(), Metrics()
    one.outcomes("dedup")["unique", ""] += 1
    assert ("leadflow_leads_total", ("unique", "", "dedup")) not in shown(two)
    assert isinstance(one.registry, CollectorRegistry)
    assert one.registry is not two.registry


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: str(spec.name))
def test_every_metric_is_in_the_text_from_the_first_scrape_on(spec: MetricSpec) -> None:
    assert f"# HELP {spec.name}" in Metrics().text().decode()


def test_every_outcome_has_a_word_for_people() -> None:
    assert set(OUTCOMES.values()) <= LABEL_VALUES["outcome"]
