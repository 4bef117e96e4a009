"""What a Kafka error means for the epoch: which of our errors each one becomes, and why.

the group has moved on, or a record was refused      EpochLost      abort, undo, redo
a process with our name has taken over               Fenced         exit 75
anything fatal or not understood                     StateInDoubt   exit 70
credentials, permissions, a time-out not allowed     NeedsPerson    exit 78
the broker is away                                   Unavailable    wait
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from confluent_kafka import KafkaError, KafkaException

from schemas.errors import EpochLost, Fenced, LeadflowError, NeedsPerson, StateInDoubt, Unavailable
from streams.kafka.permissions import GROUP, PERMISSIONS, READ, TOPIC, Forbidden

log = logging.getLogger("leadflow.kafka")

FENCED_PRODUCER = frozenset({KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED})
STATE_LOST = frozenset({KafkaError.INVALID_TXN_STATE, KafkaError.INVALID_PRODUCER_ID_MAPPING})
FENCED_MEMBER = frozenset({KafkaError.FENCED_INSTANCE_ID, KafkaError.UNRELEASED_INSTANCE_ID})
NOT_LET_IN = frozenset({KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED})
NOT_ALLOWED = NOT_LET_IN | PERMISSIONS
OFFSET_OUTSIDE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})
CHAIN_MAX = 8
PROVIDER_FAILS = "acquire SASL OAUTHBEARER token"
"""What librdkafka says, under the code of refused credentials, of a provider that does not answer now."""
OUR_SIDE = "Local: "
"""What it says, under the same code, of a connection that breaks or is silent before the broker's first SASL answer,
and of all questions that waited on it: what has gone wrong is found on our side of the line, and nobody refuses us."""

TWIN = "another process runs under the same name; give each worker its own --name"
NO_TWIN = "the transaction timed out, or a request of ours came late"


def is_fatal(error: KafkaError) -> bool:
    """Whether the handle is dead. Consumers report code _FATAL with `.fatal()` false."""
    return bool(error.fatal()) or error.code() == KafkaError._FATAL


def is_member_fenced(error: KafkaError) -> bool:
    """Whether another process has taken our static membership; inside _FATAL only the text tells.

    A fenced producer's text speaks of instances as well, and says nothing of the membership: its code is _FENCED.
    """
    return error.code() in FENCED_MEMBER or (error.code() == KafkaError._FATAL and "instance" in error.str().lower())


def is_refusal(error: KafkaError) -> bool:
    """Whether the broker refuses us, by what librdkafka says; else it asks again.

    A provider of tokens that refuses us is heard by the producer, which asks for itself.
    """
    return error.code() in NOT_ALLOWED and not any(words in error.str() for words in (PROVIDER_FAILS, OUR_SIDE))


def as_consumer_error(error: KafkaError, topic: str | None = None, group: str = "") -> LeadflowError | None:
    """Return what a poll must raise for this error, or None when librdkafka goes on by itself.

    `topic` and `group`: what was read, and for which group, as the cluster names them.
    """
    if is_member_fenced(error):
        return Fenced(f"{TWIN} (it has our place in the group: {error.name()})")
    if is_fatal(error):
        return StateInDoubt(f"the consumer cannot go on: {error.str()}")
    if is_refusal(error):
        return not_allowed(error, "consume", READ, {TOPIC: (topic,) if topic else (), GROUP: (group,)})
    return None


def not_allowed(
    error: KafkaError, doing: str, operation: str, names: Mapping[int, Iterable[str]] = MappingProxyType({})
) -> NeedsPerson:
    """Return what a person must mend: a permission, if it is known on what, or who we say that we are.

    `names`: what was asked for, as the cluster names it, by the code that would say that it is forbidden.
    """
    if found := [name for name in names.get(error.code(), ()) if name]:
        return Forbidden(error.code(), operation, found)
    return NeedsPerson(f"Kafka refuses us: {doing}: {error.name()} {error.str()}; check credentials and permissions")


def before_commit(error: KafkaError, doing: str, without_twin: bool) -> LeadflowError:
    """Return what an error means while no commit has been sent: the epoch did not happen, whatever is wrong.

    `without_twin`: the broker may have fenced us for no twin's sake: because the transaction is too old, or because a
    request of ours that took the name has come late.
    """
    text = f"{doing}: {error.name()} {error.str()}"
    if is_member_fenced(error):
        return Fenced(f"{TWIN} (it has our place in the group: {error.name()} to {doing})")
    if error.code() in FENCED_PRODUCER:
        twin = Fenced(f"{TWIN} (it has our name: {error.name()} to {doing})")
        return StateInDoubt(f"{text}; {NO_TWIN}") if without_twin else twin
    if error.code() in STATE_LOST:
        return StateInDoubt(text)
    if error.code() in NOT_ALLOWED:
        return not_allowed(error, doing, "")
    if error.code() == KafkaError.INVALID_TRANSACTION_TIMEOUT:
        return NeedsPerson(f"{text}; raise the broker's transaction.max.timeout.ms")
    return EpochLost(text)


def at_commit(error: KafkaError, without_twin: bool) -> LeadflowError:
    """Return what a refused commit means: that a twin has our name, or nothing that is known for certain."""
    known = before_commit(error, "commit", without_twin)
    return known if isinstance(known, Fenced) else StateInDoubt(f"commit: {error.name()} {error.str()}")


def error_in(problem: BaseException) -> KafkaError | None:
    """Return the Kafka error behind an exception that poll, flush or consume raised.

    The binding raises a fatal error instead of calling `error_cb`, and a callback that it serves next then fails
    with SystemError, which hides the first one in its chain.
    """
    seen: BaseException | None = problem
    for _ in range(CHAIN_MAX):
        if isinstance(seen, KafkaException):
            error: KafkaError = seen.args[0]
            return error
        if seen is None:
            return None
        seen = seen.__cause__ or seen.__context__
    return None


@contextmanager
def unavailable(
    doing: str, operation: str = "", names: Mapping[int, Iterable[str]] = MappingProxyType({})
) -> Iterator[None]:
    """Turn any Kafka error of a question to the broker into Unavailable, or into what a person must mend.

    `operation` and `names` as for `not_allowed`.
    """
    try:
        yield
    except KafkaException as problem:
        error: KafkaError = problem.args[0]
        if is_refusal(error):
            raise not_allowed(error, doing, operation, names) from None
        raise Unavailable(f"{doing}: {error.name()} {error.str()}") from None
