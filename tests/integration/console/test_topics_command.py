"""`leadflow topics create` where topics are there, and what else asks for a topic by its name."""

from __future__ import annotations

from console.reach import Reach
from tests.integration.console.conftest import run, words


def test_other_counts_than_those_that_topics_have_are_refused(way: Reach) -> None:
    assert run("topics", "create").exit_code == 0
    assert run("topics", "create", "--lead-partitions", "2").exit_code == 0
    done = run("topics", "create", "--lead-partitions", "4")
    assert done.exit_code == 1
    assert "leads.received: partitions is 2, should be 4" in words(done)
    assert "set the same counts" not in words(done)
    for command in ("list", "retry"):
        said = words(run("dead", command, "--topic", "leads.recieved"))
        assert "no topic 'leads.recieved' has dead letters; did you mean leads.received" in said
    assert words(run("dead", "list", "--topic", "leads.received")) == "no dead letters"
