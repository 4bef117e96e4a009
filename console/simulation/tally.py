"""What has really happened in a run: a fault counts only if it did, and a run is judged by what it went through."""

from __future__ import annotations

from collections import Counter
from typing import Final

#: What is counted, with what it means, in the order of the report.
MEANINGS: Final[dict[str, str]] = {
    "leads": "records sent to leads.received",
    "repeats": "of them the same lead again",
    "garbage": "of them bytes that are no lead",
    "older_schema": "of them written by an older schema",
    "tests": "of them test leads",
    "sales": "rights sold",
    "unfilled": "rights that ended unsold",
    "duplicates": "leads refused as duplicates",
    "rejected": "leads refused for another reason",
    "stale": "rights too late to sell",
    "capped": "offers refused by a full cap",
    "terms_changed": "offers refused by changed terms",
    "reroutes": "rights routed a second time",
    "epochs": "epochs committed",
    "crashes": "processes that died within a step",
    "deaths_in_transaction": "of them with records of an open transaction in the log",
    "deaths_at_commit": "of them right before or after the commit",
    "zombies": "processes frozen beyond their session that woke",
    "zombies_in_transaction": "of them in the middle of a transaction",
    "zombies_refused": "epochs refused because the group had moved on",
    "slow_steps": "steps during which others worked on",
    "lags": "workers that read no news of plans and standings for a while",
    "twins": "processes started while another of their name lived",
    "fenced": "processes fenced by a twin",
    "lost_epochs": "epochs refused by Kafka and redone",
    "in_doubt": "commits of which nobody knew the outcome",
    "away": "questions that Kafka did not answer",
    "late_markers": "commits decided before their markers were written",
    "new_names": "processes that came back under another name",
    "restores": "partitions restored",
    "slow_restores": "restores during which others worked on",
    "kept_states": "restores from state kept over a revoke",
    "read_on": "of them with records of another owner in between",
    "redis_away": "calls that Redis did not answer",
    "redis_reply_lost": "calls that Redis did, whose answer was lost",
    "redis_restarts": "restarts of Redis with its claims",
    "redis_wipes": "losses of all claims",
    "redis_failovers": "replicas that took over without the last claims",
    "rebuilds": "claims rebuilt from the log",
    "confirms_refused": "epochs refused because claims were lost meanwhile",
    "plan_changes": "plans applied after the first",
    "terms_in_flight": "of them while offers were on their way",
    "pauses": "pauses and resumes",
    "topics_missing": "times a buyer's topic was away",
    "leaps": "stretches of idle time",
    "midnights": "midnights of some buyer's zone that passed",
    "clocks_back": "clocks that went back",
    "clocks_back_over_midnight": "of them over the midnight of a buyer",
    "clocks_forward": "clocks that went ahead",
    "set_aside": "records set aside as dead letters",
}


class Tally(Counter[str]):
    """Counts by the names in `MEANINGS`; adding an unknown one is a mistake of the simulation."""

    def note(self, what: str, times: int = 1) -> None:
        """Count something that has happened."""
        if what not in MEANINGS:
            raise KeyError(f"nobody has said what {what!r} means")
        self[what] += times
