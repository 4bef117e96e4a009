"""Topics that every worker reads whole, outside the group: plans, pauses, what buyers say of themselves."""

from __future__ import annotations

from collections.abc import Callable

from schemas.errors import NeedsPerson, Poison
from streams.client import Client
from streams.stage import Message

#: Chunks of followed records read by one `read`.
_CHUNKS_MAX = 16
_RECORDS_MAX = 1000


class Followers:
    """Followed topics and who reads them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._followers: dict[str, Callable[[Message], None]] = {}
        #: Whether all of them were read to their ends once.
        self.complete = False

    def add(self, topic: str, follower: Callable[[Message], None]) -> None:
        """Hand every record of a topic to `follower`."""
        if topic in self._followers:
            raise ValueError(f"{topic} is followed already")
        self._followers[topic] = follower

    def start(self) -> None:
        """Begin to read."""
        if self._followers:
            self._client.follow(self._followers)
        else:
            self.complete = True

    def read(self) -> bool:
        """Hand over what is new. Returns whether everything was read to its end once."""
        for _ in range(_CHUNKS_MAX if self._followers else 0):
            messages, complete = self._client.followed(_RECORDS_MAX)
            for message in messages:
                self._hand_over(message)
            self.complete = self.complete or complete
            if not messages:
                break
        return self.complete

    def _hand_over(self, message: Message) -> None:
        try:
            self._followers[message.topic](message)
        except Poison as error:
            raise NeedsPerson(f"{message!r} cannot be read, and every worker needs it: {error}") from error
