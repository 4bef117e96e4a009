"""A worker's numbers: counted in plain dicts, put into Prometheus' form only when somebody asks.

Counting stands in the way of every lead, so it costs a dict look-up and no lock (prometheus-client's own counters
take ten times as long). One `Metrics` a worker, handed in; nothing registers itself at import.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from streams import metric_catalogue as m
from streams.events import (
    EpochCommitted,
    EpochUndone,
    Event,
    PrepareSlow,
    RecordSetAside,
    StageRests,
)
from streams.lead_counts import LeadCounts, Tally
from streams.metric_catalogue import CATALOGUE, LABEL_VALUES, OTHER, OUTCOMES, MetricSpec
from streams.start_steps import StartSteps
from streams.state import EngineState

Labels = tuple[str, ...]


class Sample(NamedTuple):
    """A gauge's value at this moment."""

    spec: MetricSpec
    labels: Labels
    value: float


class _Histogram:
    """Counts by bucket, and the sum."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def cumulative(self) -> list[tuple[str, float]]:
        bounds = [*(f"{bound:g}" for bound in self._bounds), "+Inf"]
        total, rows = 0, []
        for bound, count in zip(bounds, self.counts, strict=True):
            total += count
            rows.append((bound, float(total)))
        return rows


class Metrics(Collector):
    """What one worker counts. Methods never raise for an odd value: it is counted as `other`."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[Labels, float]] = {s.name: {} for s in CATALOGUE if s.kind == "counter"}
        self._histograms = {s.name: _Histogram(s.buckets) for s in CATALOGUE if s.kind == "histogram"}
        self._leads = LeadCounts(self._sold_after_ms)
        self._state: Callable[[], EngineState] | None = None
        self._suppliers: list[Callable[[], Iterable[Sample]]] = []
        #: How far the start of this worker has come; whoever does a step that no event tells of notes it here.
        self.start = StartSteps()
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)
        self._reset_unlabelled()

    # --- counting ------------------------------------------------------------------------------------------

    def count(self, spec: MetricSpec, *labels: str, by: float = 1) -> None:
        """Add to a counter; labels in the order of its description."""
        counts = self._counts[spec.name]
        counts[labels] = counts.get(labels, 0) + by

    def outcomes(self, stage: str) -> Tally:
        """Return the tally of a stage by (outcome, reason): it adds what it decided about each lead that is no test.

        Shown once the epoch is committed; the engine's events have to come here (`listen`).
        """
        return self._leads.of(stage)

    def sold_after_ms(self, took_ms: int) -> None:
        """Note how long a lead took from received to sold; counts once the epoch is committed."""
        self._leads.sold_after_ms(took_ms)

    def renewed(self, cause: str) -> None:
        """Count that the name was taken at Kafka; give this to the Kafka client."""
        self.count(m.PRODUCER_RENEWALS, cause)

    def listen(self, event: Event) -> None:
        """Count what the engine tells; give this to the engine."""
        self.start.listen(event)
        if isinstance(event, EpochCommitted):
            self._committed(event)
        elif isinstance(event, EpochUndone):
            self._leads.undone()
            self.count(m.EPOCHS, "undone")
            self.count(m.EPOCHS_UNDONE, event.cause)
        elif isinstance(event, RecordSetAside):
            way = "dead_letter" if event.dead_letter else "stage"
            self.count(m.SET_ASIDE, event.stage, event.partition.topic, event.reason, way)
        elif isinstance(event, StageRests):
            self.count(m.RESTS, event.stage)
        elif isinstance(event, PrepareSlow):
            self.count(m.PREPARE_SLOW, event.stage)

    def _committed(self, event: EpochCommitted) -> None:
        self._leads.committed()
        self.count(m.EPOCHS, "committed")
        self.count(m.RECORDS, "in", by=event.records)
        self.count(m.RECORDS, "out", by=event.outputs)
        self.count(m.RECORDS, "handed_over", by=event.handed_over)
        self.count(m.EPOCHS_SLOW, by=event.slow)
        for part, seconds in event.cpu_s.items():
            self.count(m.CPU, part, by=seconds)
        self._histograms[m.EPOCH_SECONDS.name].observe(event.took_ms / 1000)

    def _sold_after_ms(self, took_ms: int) -> None:
        self._histograms[m.RECEIVED_TO_SOLD.name].observe(max(took_ms, 0) / 1000)

    # --- showing -------------------------------------------------------------------------------------------

    def watch(self, state: Callable[[], EngineState]) -> None:
        """Show gauges of this engine from now on; `state` is called at each scrape, from another thread."""
        self._state = state

    def supply(self, samples: Callable[[], Iterable[Sample]]) -> None:
        """Show further gauges (cap fill ...); called at each scrape, from another thread."""
        self._suppliers.append(samples)

    def text(self) -> bytes:
        """Return everything in Prometheus' text form."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics; for prometheus-client."""
        samples = list(self._gauges())
        for spec in CATALOGUE:
            if spec.kind == "counter":
                yield self._counter(spec)
            elif spec.kind == "histogram":
                histogram = self._histograms[spec.name]
                yield HistogramMetricFamily(spec.name, spec.doc, histogram.cumulative(), histogram.sum)
            else:
                yield _gauge(spec, [sample for sample in samples if sample.spec is spec])

    def _lead_counts(self) -> Iterator[tuple[Labels, float]]:
        """Yield what was decided of leads with its labels, which are made here: each lead is counted five times."""
        for stage, outcome, reason, number in self._leads.decided():
            yield (stage, OUTCOMES.get(outcome, OTHER), str(reason)), number

    def _counter(self, spec: MetricSpec) -> Metric:
        family = CounterMetricFamily(spec.name, spec.doc, labels=spec.labels)
        sums: dict[Labels, float] = {}
        counts = self._lead_counts() if spec is m.LEADS else dict(self._counts[spec.name]).items()
        for labels, value in counts:
            known = _closed(spec, labels)
            sums[known] = sums.get(known, 0) + value
        for labels, value in sorted(sums.items()):
            family.add_metric(labels, value)
        return family

    def _gauges(self) -> Iterator[Sample]:
        if self._state is not None:
            yield from engine_samples(self._state())
        for step, seconds in self.start.seconds():
            yield Sample(m.START, (step,), seconds)
        for samples in self._suppliers:
            yield from samples()

    def _reset_unlabelled(self) -> None:
        """Let counters without labels start at 0: a rate needs a first value."""
        for spec in CATALOGUE:
            if spec.kind == "counter" and not spec.labels:
                self._counts[spec.name][()] = 0


def engine_samples(state: EngineState) -> Iterator[Sample]:
    """Yield an engine's gauges."""
    yield Sample(m.READY, (), float(state.ready))
    if state.clock_off_ms is not None:
        yield Sample(m.CLOCK_OFF, (), state.clock_off_ms / 1000)
    for topic in sorted({partition.topic for partition in state.owned}):
        yield Sample(m.OWNED, (topic,), sum(p.topic == topic for p in state.owned))
        yield Sample(m.RUNNING, (topic,), sum(p.topic == topic for p in state.running))
    for partition, records in state.lag.items():
        yield Sample(m.LAG, (partition.topic, str(partition.partition)), records)
    for (stage, number), entries in state.entries.items():
        yield Sample(m.ENTRIES, (stage, str(number)), entries)
    for progress in state.restoring:
        todo = progress.end - progress.start
        share = (progress.read_to - progress.start) / todo if todo > 0 else 1.0
        yield Sample(m.RESTORED, (progress.stage, str(progress.partition)), share)
    for stage in m.STAGES:
        yield Sample(m.RESTING, (stage,), float(stage in state.resting))
        yield Sample(m.STOPPED, (stage,), sum(stopped == stage for stopped, _ in state.stopped))


def _gauge(spec: MetricSpec, samples: list[Sample]) -> Metric:
    family = GaugeMetricFamily(spec.name, spec.doc, labels=spec.labels)
    for sample in samples:
        family.add_metric(_closed(spec, sample.labels), sample.value)
    return family


def _closed(spec: MetricSpec, labels: Labels) -> Labels:
    """Return the labels with `other` for a value outside of its closed set."""
    return tuple(
        value if name not in LABEL_VALUES or value in LABEL_VALUES[name] else OTHER
        for name, value in zip(spec.labels, labels, strict=True)
    )
