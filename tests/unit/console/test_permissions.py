"""What `leadflow acls` prints: commands of Kafka's tool, for this prefix, and nothing that a role does not need."""

from __future__ import annotations

import shlex

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import KafkaError

from console.cli import cli
from console.permissions import ROLES, Place, commands
from console.producing import why


def acls(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(cli, ["acls", *arguments], env={"LEADFLOW_PREFIX": "acme.", **environ})


def test_a_worker_is_printed_for_the_prefix_and_the_group() -> None:
    done = acls("worker", "--principal", "User:w", LEADFLOW_KAFKA="127.0.0.1:9092", LEADFLOW_GROUP="night")
    begin = "kafka-acls.sh --bootstrap-server 127.0.0.1:9092 --command-config admin.properties --add"
    lines = [line.removeprefix(f"{begin} --allow-principal User:w ") for line in done.output.splitlines()]
    assert [line for line in lines if not line.startswith("#")] == [
        "--operation Read --operation Write --topic acme. --resource-pattern-type prefixed",
        "--operation Read --group acme.night",
        "--operation Write --transactional-id acme.night- --resource-pattern-type prefixed",
    ]
    optional = [line for line in lines if line.startswith("# kafka-acls.sh")]
    assert [line.rpartition("User:w ")[2] for line in optional] == [
        "--operation Read --topic __consumer_offsets",
        "--operation ClusterAction --cluster",
    ]


def test_a_buyer_is_given_its_own_topic_and_groups_that_no_other_buyer_has() -> None:
    done = acls("buyer", "sun", "--principal", "User:CN=sun, O=Sun & Co")
    topic, group = (shlex.split(line) for line in done.output.splitlines() if not line.startswith("#"))
    assert topic[-2:] == ["--topic", "acme.buyers.sun.leads"]
    assert topic[topic.index("--allow-principal") + 1] == "User:CN=sun, O=Sun & Co"
    assert group[-4:] == ["--group", "acme.buyers.sun.", "--resource-pattern-type", "prefixed"]


def test_without_a_prefix_all_topics_are_a_word_of_kafkas_own() -> None:
    (everything, *_) = commands("worker", Place(), "User:w", "HOST:9092")
    assert everything[1].endswith("--operation Read --operation Write --topic '*'")


def test_facts_without_persons_are_all_that_a_data_team_reads() -> None:
    topics = {each.name for each in ROLES["data"](Place()) if each.kind == "topic"}
    assert topics == {"leads.sold", "leads.closed", "leads.rejected", "rights.unfilled"}


def test_what_kafka_refuses_to_a_command_is_named_where_it_is_known() -> None:
    names = {KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "acme.leadflow-console-plan"}
    refused = why(KafkaError(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED), names)
    assert refused.startswith("Kafka refuses us Write on transactional id acme.leadflow-console-plan: grant it")
    assert why(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "no topic"), names) == "Kafka refused: no topic"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("buyer", "--principal", "User:b"), "which buyer?"),
        (("worker", "sunco", "--principal", "User:b"), "the role worker takes no buyer"),
        (("buyer", "Sun Co", "--principal", "User:b"), "is no buyer's id"),
        (("buyer", "sunco"), "--principal"),
        (("boss", "--principal", "User:b"), "'boss' is not one of"),
    ],
)
def test_what_cannot_be_printed_is_said(arguments: tuple[str, ...], said: str) -> None:
    done = acls(*arguments)
    assert done.exit_code == 2
    assert said in done.output
