"""Every protective rule that a simulation can switch off, with a seed that notices: proof that the simulation bites."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from typing import Final, NamedTuple

from console.page import markdown_table
from console.simulation import rules_of_the_engine as engine
from console.simulation import rules_of_the_protocol as protocol
from console.simulation.runs import run
from console.simulation.scenario import Scenario
from console.simulation.switching_off import Rule

RULES: Final[tuple[Rule, ...]] = (
    Rule("routed-guard", "rule 2", "a lead is routed once", protocol.routed_guard, "redis", 17),
    Rule("all-rights", "rule 2", "all N rights get an end", protocol.all_rights, "fair", 0),
    Rule("token-kept", "rule 3", "a refused right is sent on", protocol.token_kept, "fair", 4),
    Rule("have-check", "rule 5", "no lead twice to one buyer", protocol.have_check, "caps", 6),
    Rule("at-the-cap", "rule 6", "used >= cap refuses, not ==", protocol.at_the_cap, "caps", 15),
    Rule("spend-with-price", "rule 6", "used + price > budget refuses", protocol.spend_with_price, "caps", 0),
    Rule("windows-stay", "rule 8", "windows never go back", protocol.windows_stay, "clocks", 21),
    Rule(
        "windows-together",
        "rule 7",
        "contract and buyer count in the same windows",
        protocol.windows_together,
        "clocks",
        8,
    ),
    Rule("terms-hash", "rule 14", "sold on the owner's terms of now", protocol.terms_hash, "caps", 45),
    Rule("freshness", "rule 15", "age is asked at every reservation", protocol.freshness, "clocks", 1),
    Rule("opening-hours", "owner", "hours are asked at every reservation", protocol.opening_hours, "clocks", 1),
    Rule("tests-apart", "owner", "a test lead costs and counts nothing", protocol.tests_apart, "fair", 2),
    Rule("plan-not-behind", "router", "a router behind the lead's plan refuses", protocol.plan_not_behind, "plans", 1),
    Rule("last-look", "claims", "claims are asked again before the commit", protocol.last_look, "claims", 3),
    Rule("claim-coordinates", "claims", "a record knows its own claim", protocol.claim_coordinates, "refusals", 0),
    Rule("all-partitions", "claims", "a rebuild reads all partitions", protocol.all_partitions, "redis", 2),
    Rule("servers-run", "claims", "the seal names the server's run", protocol.servers_run, "claims", 2),
    Rule("widening", "claims", "a wider plan has claims rebuilt", protocol.widening, "plans", 10),
    Rule("undo", "step 8", "an undone epoch leaves no change", engine.undo, "refusals", 0),
    Rule("giving-back", "step 8", "an undone epoch's records are taken again", engine.giving_back, "refusals", 0),
    Rule("forgetting", "step 8", "stages forget what an undone epoch noted", engine.forgetting, "refusals", 13),
    Rule(
        "generation-fence", "step 7", "offsets of an old generation are refused", engine.generation_fence, "zombies", 5
    ),
    Rule("metadata-at-poll", "step 1", "membership is that of the poll", engine.metadata_at_poll, "zombies", 5),
    Rule("following", "step 2", "a later round takes only what follows", engine.following, "fair", 0),
    Rule("foretold", "step 5", "foretold offsets are looked at", engine.foretold, "fair", 0),
    Rule("positions", "step 4", "each epoch notes its positions", engine.positions, "crashes", 0),
    Rule(
        "changelog", "step 4", "changes are committed with their offsets", engine.changelog_with_offsets, "crashes", 0
    ),
    Rule("stable-offsets", "restore", "wait for pending offsets first", engine.stable_offsets, "crashes", 1),
    Rule("kept-read-on", "restore", "kept state is read on", engine.kept_read_on, "zombies", 2),
    Rule("position-check", "restore", "state must be where the offsets are", engine.position_check, "zombies", 2),
)

#: Rules whose absence takes a rare coincidence to show: some hundreds of seeds. No test waits for them; their seed is
#: where one was seen to notice, on some step of the product.
RARE: Final[tuple[Rule, ...]] = (
    Rule("retired-stays", "rule 13", "what is retired buys nothing", protocol.retired_stays, "plans", 0),
    Rule("generation-first", "claims", "generation, then the log's end", protocol.generation_first, "plans", 0),
    Rule(
        "uncommitted-leads",
        "claims",
        "a rebuild reads to the uncommitted end",
        protocol.uncommitted_leads,
        "claims",
        17,
    ),
    Rule(
        "judged-by",
        "claims",
        "a rebuild goes by what a lead was judged by",
        protocol.judged_by,
        "everything",
        4528,
    ),
    Rule("offsets-always", "step 7", "a timer's transaction carries offsets", engine.offsets_always, "timers", 5),
    Rule(
        "uncommitted-changelog", "restore", "read to the uncommitted end", engine.uncommitted_changelog, "crashes", 15
    ),
)


#: The part of a page that holds the table.
MARK: Final = "rules"
HEAD: Final = ("rule", "of", "says", "weather", "seed", "what breaks without it")
FINDING_MAX: Final = 160


class Found(NamedTuple):
    """A rule that was switched off, the seed that noticed (None: none did), and what it found first."""

    rule: Rule
    seed: int | None
    finding: str


def look(rule: Rule, seeds: Iterable[int]) -> Found:
    """Switch a rule off and run seeds, the known one first, until one fails."""
    template = Scenario(rule.seed, rule.weather)
    with rule.switched_off():
        for seed in dict.fromkeys((rule.seed, *seeds)):
            outcome = run(replace(template, seed=seed))
            if not outcome.good:
                return Found(rule, seed, outcome.findings[0])
    return Found(rule, None, "")


def rules_table(found: Iterable[Found]) -> str:
    """Return the table of a page: each rule, where it is written down, and the seed that notices its absence."""
    rows = [
        (f"`{rule.name}`", rule.source, rule.says, rule.weather, "-" if seed is None else str(seed), _short(finding))
        for rule, seed, finding in found
    ]
    return markdown_table(HEAD, rows)


def _short(finding: str) -> str:
    """Return a finding in one line, ids by their first eight digits."""
    return re.sub(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", r"\1", finding)[:FINDING_MAX]


def look_all(rules: Sequence[Rule], seeds: Iterable[int], jobs: int) -> Iterator[Found]:
    """Do so for each rule, in several processes; yield what was found in the order of the rules."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(look, seeds=seeds), rules)
