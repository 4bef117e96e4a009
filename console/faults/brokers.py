"""Brokers for faults: one behind a proxy, and three that share their topics."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Sequence
from pathlib import Path

from console.cluster.kafka import KafkaServer
from console.cluster.kafka_settings import Node
from console.cluster.layout import new_id
from console.cluster.ports import HOST, free_ports

NODES = 3


class ProxiedKafka(KafkaServer):
    """A broker with a second listener, whose advertised port is a proxy's: who comes through the proxy stays there."""

    proxied_port, proxy_port = 0, 0

    def _prepare(self) -> None:
        super()._prepare()
        if not self.proxied_port:
            self.proxied_port, self.proxy_port = free_ports(2)
        file = self.folder / "server.properties"
        more = {
            "listeners": f"PROXIED://{HOST}:{self.proxied_port}",
            "advertised.listeners": f"PROXIED://{HOST}:{self.proxy_port}",
            "listener.security.protocol.map": "PROXIED:PLAINTEXT",
        }
        lines = [line.partition("=") for line in file.read_text(encoding="utf-8").splitlines()]
        file.write_text(
            "".join(f"{key}={value}{',' + more[key] if key in more else ''}\n" for key, _, value in lines),
            encoding="utf-8",
        )


class OneOfThree(KafkaServer):
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


def three_brokers(folder: Path, jars: Sequence[Path]) -> tuple[OneOfThree, ...]:
    """Start three brokers and wait until each answers. Raises StartFailed; none of them runs then."""
    ports, cluster_id = free_ports(2 * NODES), new_id()
    brokers = tuple(OneOfThree(folder / f"kafka{n}", jars, death_signal=signal.SIGTERM) for n in range(1, NODES + 1))
    for number, broker in enumerate(brokers, start=1):
        broker.node_id, broker.cluster_id = number, cluster_id
        broker.client_ports, broker.controller_ports = ports[:NODES], ports[NODES:]
    with contextlib.ExitStack() as held:
        for broker in brokers:
            held.callback(broker.kill)
            broker.launch()
        for broker in brokers:
            broker.wait_ready()
        brokers[0].warm_up()
        held.pop_all()  # they are the caller's now
    return brokers
