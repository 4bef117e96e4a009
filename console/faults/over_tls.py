"""Faults once more, on brokers that let in by TLS and SCRAM only, and for 3 s: log-ins end within each of them.

A proxy cannot read what passes: where connections are reset, they are so within handshakes, log-ins and answers.
"""

from __future__ import annotations

from dataclasses import replace

from console.faults import of_brokers, of_network, of_workers
from console.faults.catalogue import CATALOGUE
from console.faults.securing import SESSION_MS

AGAIN = {
    of_brokers: ("broker-killed", "broker-frozen", "one-broker-of-three"),
    of_network: (
        "network-slow",
        "network-silent",
        "network-silent-long",
        "network-half-open",
        "network-half-open-long",
        "network-resets",
    ),
    of_workers: ("kill-flushed", "kill-offsets-sent", "kill-and-stay-away", "zombie", "twin", "rolling-restart"),
}
"""By the module that has entered them."""

for _names in AGAIN.values():
    for _name in _names:
        _fault = CATALOGUE[_name]
        _secured = f"secured-{_name}"
        CATALOGUE[_secured] = replace(
            _fault,
            name=_secured,
            promised=f"As {_name}, over TLS and with log-ins by SCRAM that last for {SESSION_MS // 1000} s.",
            needs=replace(_fault.needs, secured=True),
            whole=False,
        )
