"""The catalogue of topics."""

from __future__ import annotations

import pytest

from schemas import topics as t
from schemas.avro_files import self_contained
from schemas.records import BuyerLead, BuyerTerms, Offer
from schemas.topics import Sizes, TopicSpec, buyer_spec, catalogue, spec_of

SIZES = Sizes(lead_partitions=6, buyer_partitions=4, retention_days=30)
BY_NAME = {spec.name: spec for spec in catalogue()}


def test_these_topics_exist_whatever_the_plan_says() -> None:
    assert list(BY_NAME) == [
        "leads.received", "leads.unique", "leads.rejected", "leads.scored", "internal.reroutes", "internal.offers",
        "leads.sold", "rights.unfilled", "leads.closed", "internal.buyer-status", "internal.plan", "internal.pauses",
        "internal.routing.changelog", "internal.delivery.changelog", "internal.settlement.changelog",
        "leads.received.dead", "leads.unique.dead", "leads.scored.dead", "internal.reroutes.dead",
        "internal.offers.dead", "leads.sold.dead", "rights.unfilled.dead",
    ]  # fmt: skip


def test_topics_of_one_stage_have_the_same_count() -> None:
    for together in (("leads.scored", "internal.reroutes"), ("leads.sold", "rights.unfilled")):
        assert len({BY_NAME[name].partitions(SIZES) for name in together}) == 1
    changelogs = {"routing": "leads.scored", "delivery": "internal.offers", "settlement": "leads.sold"}
    for stage, source in changelogs.items():
        assert BY_NAME[t.changelog_topic(stage)].partitions(SIZES) == BY_NAME[source].partitions(SIZES)


@pytest.mark.parametrize(
    ("name", "partitions", "retention_ms", "policy"),
    [
        ("leads.received", 6, 30 * t.DAY_MS, "delete"),
        ("internal.offers", 4, 30 * t.DAY_MS, "delete"),
        ("leads.sold", 6, -1, "delete"),
        ("internal.plan", 1, -1, "delete"),
        ("internal.buyer-status", 1, -1, "compact"),
        ("internal.delivery.changelog", 4, -1, "compact"),
        ("leads.received.dead", 1, 30 * t.DAY_MS, "delete"),
        ("buyers.sunco.leads", 1, 30 * t.DAY_MS, "delete"),
    ],
)
def test_how_a_topic_is_kept(name: str, partitions: int, retention_ms: int, policy: str) -> None:
    spec = spec_of(name)
    assert spec is not None
    settings = spec.settings(SIZES)
    assert spec.partitions(SIZES) == partitions
    assert (settings["retention.ms"], settings["cleanup.policy"]) == (str(retention_ms), policy)
    assert settings["message.timestamp.type"] == "LogAppendTime"


def test_sizes_let_a_whole_plan_and_a_whole_dead_letter_in() -> None:
    assert int(BY_NAME["internal.plan"].settings(SIZES)["max.message.bytes"]) > 8 * t.MIB
    assert BY_NAME["leads.received"].record_bytes_max == 64 * t.KIB
    biggest = int(BY_NAME["leads.received"].settings(SIZES)["max.message.bytes"])
    assert int(BY_NAME["leads.received.dead"].settings(SIZES)["max.message.bytes"]) > biggest


def test_three_copies_want_two_of_them_to_acknowledge() -> None:
    assert BY_NAME["leads.sold"].settings(Sizes(replication=3))["min.insync.replicas"] == "2"
    assert BY_NAME["leads.sold"].settings(Sizes())["min.insync.replicas"] == "1"


@pytest.mark.parametrize("spec", catalogue(), ids=lambda spec: str(spec.name))
def test_a_topic_says_whether_its_records_hold_a_person(spec: TopicSpec) -> None:
    marked = any("'personal': True" in str(self_contained(kind.__name__)) for kind in spec.records)
    assert spec.personal == marked
    assert spec.doc.endswith(".")


def test_the_inbox_carries_offers_terms_and_commands() -> None:
    assert set(BY_NAME["internal.offers"].records) >= {Offer, BuyerTerms}


def test_a_buyers_topic_is_found_by_its_name_and_nothing_else_is() -> None:
    assert spec_of("buyers.sunco.leads") == buyer_spec("sunco")
    assert buyer_spec("sunco").records == (BuyerLead,)
    for name in ("buyers.leads", "buyers..leads", "sunco.leads", "leads.nothing", ""):
        assert spec_of(name) is None
