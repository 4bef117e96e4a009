"""The network between one worker and the broker: slow, silent, half-open, full of resets."""

from __future__ import annotations

from console.faults.catalogue import fault
from console.faults.failure import FaultFailed
from console.faults.proxy import Proxy, Weather
from console.faults.stand import Needs
from console.faults.trial import Trial

PROXIED = Needs(proxy=True)
SHORT_S = 5.0
LONG_S = 15.0


def _weather(trial: Trial, weather: Weather, seconds: float) -> str:
    """Let the weather of w1's line be bad for a while; w2 has a line of its own."""
    proxy = _proxy(trial)
    worker = trial.here.cluster.workers["w1"]
    owned, pid = trial.owned_by("w1"), worker.pid
    in_flight = trial.await_flight(f"a line that is {weather}")
    moment = trial.now()
    proxy.weather = weather
    try:
        trial.pause(seconds)
    finally:
        proxy.weather = "fair"
    trial.recovered(f"a line that is {weather} for {seconds:.0f} s", in_flight, moment, owned)
    trial.until_ready()
    return f"for {seconds:.0f} s; w1 {'lived through it' if worker.pid == pid else 'ended and was restarted'}"


def _proxy(trial: Trial) -> Proxy:
    if trial.here.proxy is None:
        raise FaultFailed("this stand has no proxy")
    return trial.here.proxy


@fault(PROXIED)
def network_slow(trial: Trial) -> str:
    """Each piece is 0.3 s late both ways for 5 s: epochs take seconds instead of milliseconds, and are as exact."""
    return _weather(trial, "slow", SHORT_S)


@fault(PROXIED)
def network_silent(trial: Trial) -> str:
    """No packet for 5 s, then all of them: what arrives late is of an older producer epoch and is refused."""
    return _weather(trial, "silent", SHORT_S)


@fault(PROXIED, takes_s=60.0)
def network_silent_long(trial: Trial) -> str:
    """No packet for 15 s, longer than session and transaction: others take over, what arrives late is refused."""
    return _weather(trial, "silent", LONG_S)


@fault(PROXIED)
def network_half_open(trial: Trial) -> str:
    """Requests arrive, answers are lost, for 5 s: an outcome that nobody knows ends the process with 70."""
    return _weather(trial, "half-open", SHORT_S)


@fault(PROXIED, takes_s=60.0)
def network_half_open_long(trial: Trial) -> str:
    """Requests arrive, answers are lost, for 15 s: heartbeats may hold the partitions, the watchdog ends the worker."""
    return _weather(trial, "half-open", LONG_S)


@fault(PROXIED)
def network_resets(trial: Trial) -> str:
    """Every connection is reset at its next request for 5 s: nothing sent before ends up in a later epoch."""
    return _weather(trial, "resets", SHORT_S)
