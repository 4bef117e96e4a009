"""Read a leadflow topic with nothing of leadflow: confluent-kafka, fastavro, and a schema fetched by its id over HTTP.

    pip install confluent-kafka fastavro
    python read_leads.py --kafka 127.0.0.1:9092 --schemas http://127.0.0.1:6066 --group data.test leads.closed
    python read_leads.py --kafka 127.0.0.1:9092 --schemas http://127.0.0.1:6066 --group data.warehouse --once leads.sold

Prints one line of JSON a record. A record counts as read (its offset is committed) only after `handle` has returned, so
after a crash the last records come again: keep what you do with a lead under its `sale_id`, and a second time does
nothing. `--once` stops at the end of the topic, otherwise the program waits for more until Ctrl-C.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import urllib.request
from typing import Any

import fastavro
from confluent_kafka import Consumer, KafkaError, KafkaException, Message

BATCH_RECORDS = 500
POLL_S = 1.0
ANSWER_S = 10.0
HTTP_TIMEOUT_S = 10.0


class Schemas:
    """Schemas by id, each fetched once: a record begins with a zero byte and four bytes of its schema's id."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._known: dict[int, Any] = {}

    def decode(self, value: bytes) -> Any:
        """Return the record as a dict; times become datetimes in UTC."""
        if len(value) < 5 or value[0] != 0:
            raise ValueError("not Confluent's wire format: a zero byte and a schema id are missing")
        number = int.from_bytes(value[1:5], "big")
        if number not in self._known:
            self._known[number] = self._fetched(number)
        return fastavro.schemaless_reader(io.BytesIO(value[5:]), self._known[number], None)

    def _fetched(self, number: int) -> Any:
        address = f"{self._url}/schemas/ids/{number}"
        if not address.startswith(("http://", "https://")):
            raise ValueError(f"{self._url} is not a web address")
        with urllib.request.urlopen(address, timeout=HTTP_TIMEOUT_S) as answer:  # noqa: S310 - checked above
            return fastavro.parse_schema(json.loads(json.load(answer)["schema"]))


def handle(message: Message, record: Any) -> None:
    """Do something with one record; here it is printed."""
    place = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
    line = {**place, "record": record}
    print(json.dumps(line, default=str), flush=True)  # noqa: T201 - what it is for


def read(consumer: Consumer, schemas: Schemas, *, once: bool) -> None:
    """Handle records and commit behind them; with `once` until the end of every partition that is ours."""
    ended: set[int | None] = set()
    while not (once and ended and ended >= {each.partition for each in consumer.assignment()}):
        messages = consumer.consume(BATCH_RECORDS, POLL_S)
        handled = False
        for message in messages:
            if error := message.error():
                if error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                ended.add(message.partition())
                continue
            handle(message, schemas.decode(message.value() or b""))
            handled = True
        if handled:
            consumer.commit(asynchronous=False)


def main() -> int | str:
    """Read the arguments and the topic; return how the program ends: 0, or in words what is wrong."""
    parser = argparse.ArgumentParser(description="Read a leadflow topic with nothing of leadflow.")
    parser.add_argument("topic")
    parser.add_argument("--kafka", required=True, help="host:port")
    parser.add_argument("--schemas", required=True, help="a worker's web port, or your schema registry")
    parser.add_argument("--group", required=True, help="your own name for this reader; it remembers how far you are")
    parser.add_argument("--once", action="store_true", help="stop at the end of the topic")
    given = parser.parse_args()
    consumer = Consumer(
        {
            "bootstrap.servers": given.kafka,
            "group.id": given.group,
            "isolation.level": "read_committed",  # leadflow writes in transactions; what is undone is no sale
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,  # committed by hand, after the work is done
            "enable.partition.eof": True,
        }
    )
    try:
        if error := consumer.list_topics(given.topic, timeout=ANSWER_S).topics[given.topic].error:
            raise KafkaException(error)  # a name written wrongly would be waited for, for ever
        consumer.subscribe([given.topic])
        read(consumer, Schemas(given.schemas), once=given.once)
    except KeyboardInterrupt:
        pass
    except KafkaException as error:
        return f"{given.topic} at Kafka {given.kafka}: {error.args[0].str()}"
    except OSError as error:
        return f"schemas from {given.schemas}: {error}"
    finally:
        consumer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
