"""How a transaction of our producer ends before a broker that does as it is told: what each answer means, and what
is sent then.
"""

from __future__ import annotations

import pytest

from schemas.errors import StateInDoubt
from tests.support.kafka_layouts import END_TXN, INIT_PRODUCER_ID, SASL_HANDSHAKE
from tests.support.scripted_broker import closes, says
from tests.support.scripted_producer import producing

LOG_IN = {
    "security.protocol": "sasl_plaintext",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "leadflow",
    "sasl.password": "open sesame",
}


def test_a_commit_whose_answer_was_lost_is_in_doubt_where_nobody_lets_us_in_again() -> None:
    """To say that it did not happen would redo records that may be committed."""
    with producing(deadline_ms=200, security=LOG_IN) as line:
        line.producer.connect()
        line.until_commit()
        line.cluster.script(END_TXN, closes)
        line.cluster.script(SASL_HANDSHAKE, *[says(1, [])] * 20)
        with pytest.raises(StateInDoubt):
            line.producer.commit()


def test_a_commit_whose_answer_was_lost_is_asked_again_when_we_are_let_in_again() -> None:
    with producing(security=LOG_IN) as line:
        line.producer.connect()
        line.until_commit()
        line.cluster.script(END_TXN, closes)
        line.cluster.script(SASL_HANDSHAKE, says(1, []))
        line.producer.commit()
        line.producer.begin()
        assert line.cluster.kinds(END_TXN, INIT_PRODUCER_ID) == [INIT_PRODUCER_ID, END_TXN, END_TXN, INIT_PRODUCER_ID]
        assert line.renewals == ["first", "connection"]
