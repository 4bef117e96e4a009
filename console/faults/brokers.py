"""Brokers for faults: with more listeners, behind a proxy or secured, and three that share their topics."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from console.cluster.kafka import KafkaServer
from console.cluster.kafka_settings import Node
from console.cluster.layout import new_id
from console.cluster.ports import HOST, free_ports
from console.faults.securing import Security

NODES = 3
PROXIED, SECURED = "PROXIED", "SECURED"


class Listener(NamedTuple):
    """One more listener of a broker. Who comes to it is told to come again to `advertised`, a proxy's port perhaps.

    `protocol` is Kafka's word for how it is secured; "": as the broker's `security` says.
    """

    name: str
    port: int
    advertised: int
    protocol: str = ""


class OpenKafka(KafkaServer):
    """A broker with more listeners than the one that its supervisor asks; `security` is that of all of them."""

    listeners: Sequence[Listener] = ()
    security: Security | None = None

    def address(self, name: str) -> str:
        """Return the address of a listener of this name, or that of the broker where there is none."""
        return next((f"{HOST}:{one.port}" for one in self.listeners if one.name == name), self.bootstrap)

    def _prepare(self) -> None:
        super()._prepare()
        file = self.folder / "server.properties"
        lines = [line.partition("=") for line in file.read_text(encoding="utf-8").splitlines()]
        settings = {key: ",".join(filter(None, (value, self._more(key)))) for key, _, value in lines}
        settings |= self._own_settings()
        file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()), encoding="utf-8")

    def _own_settings(self) -> Mapping[str, str]:
        """Return what is set besides, for the listeners above all."""
        return {} if self.security is None else self.security.settings([one.name for one in self.listeners])

    def _more(self, key: str) -> str:
        """Return what the listeners add to a setting."""
        protocol = "PLAINTEXT" if self.security is None else "SASL_SSL"
        entries: Mapping[str, Sequence[str]] = {
            "listeners": [f"{one.name}://{HOST}:{one.port}" for one in self.listeners],
            "advertised.listeners": [f"{one.name}://{HOST}:{one.advertised}" for one in self.listeners],
            "listener.security.protocol.map": [f"{one.name}:{one.protocol or protocol}" for one in self.listeners],
        }
        return ",".join(entries.get(key, ()))


class ProxiedKafka(OpenKafka):
    """A broker with a listener whose advertised port is a proxy's: who comes through the proxy stays there."""

    proxied_port, proxy_port = 0, 0

    def _prepare(self) -> None:
        if not self.proxied_port:
            self.proxied_port, self.proxy_port = free_ports(2)
            self.listeners = [*self.listeners, Listener(PROXIED, self.proxied_port, self.proxy_port)]
        super()._prepare()


class OneOfThree(OpenKafka):
    """A broker and controller of a cluster of three, at ports that are given."""

    node_id = 1
    cluster_id = ""
    client_ports: Sequence[int] = ()
    controller_ports: Sequence[int] = ()

    def _choose_ports(self) -> tuple[int, int]:
        return self.client_ports[self.node_id - 1], self.controller_ports[self.node_id - 1]

    def _node(self, client_port: int, controller_port: int) -> Node:
        voters = dict(enumerate(self.controller_ports, start=1))
        return Node(self.node_id, client_port, controller_port, voters, self.folder / "data")

    def _cluster_id(self) -> str:
        return self.cluster_id


@contextmanager
def three_brokers(
    folder: Path, jars: Sequence[Path], security: Security | None = None
) -> Iterator[tuple[OneOfThree, ...]]:
    """Give three brokers that answer; they are killed afterwards. Raises StartFailed."""
    ports, cluster_id = free_ports(3 * NODES), new_id()
    brokers = tuple(OneOfThree(folder / f"kafka{n}", jars, death_signal=signal.SIGTERM) for n in range(1, NODES + 1))
    for number, broker in enumerate(brokers, start=1):
        broker.node_id, broker.cluster_id = number, cluster_id
        broker.client_ports, broker.controller_ports = ports[:NODES], ports[NODES : 2 * NODES]
        _secure(broker, security, ports[2 * NODES + number - 1])
    with contextlib.ExitStack() as held:
        for broker in brokers:
            held.callback(broker.kill)
            broker.launch()
        for broker in brokers:
            broker.wait_ready()
        brokers[0].warm_up()
        _admit(brokers, security)
        yield brokers


@contextmanager
def one_broker(folder: Path, jars: Sequence[Path], security: Security | None, *, proxied: bool) -> Iterator[OpenKafka]:
    """Give a broker that answers, with a listener for a proxy perhaps; it is killed afterwards. Raises StartFailed."""
    broker = (ProxiedKafka if proxied else OpenKafka)(folder / "kafka", jars, death_signal=signal.SIGTERM)
    _secure(broker, security, free_ports(1)[0])
    try:
        broker.start()
        broker.warm_up()
        _admit([broker], security)
        yield broker
    finally:
        broker.kill()


def _secure(broker: OpenKafka, security: Security | None, port: int) -> None:
    """Give a broker that has not been started a listener where who comes must say who he is."""
    if security is not None:
        broker.security, broker.listeners = security, [Listener(SECURED, port, port)]


def _admit(brokers: Sequence[OpenKafka], security: Security | None) -> None:
    """Let the user of the security file in."""
    if security is not None:
        security.admit(brokers[0].bootstrap, [one.port for broker in brokers for one in broker.listeners])
