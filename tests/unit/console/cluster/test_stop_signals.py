"""The first signal to stop interrupts, once; afterwards signals do what they did before."""

from __future__ import annotations

import signal

import pytest

from console.cluster.stop_signals import STOP_SIGNALS, interrupted_by_signals


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_interrupts_and_further_ones_change_nothing(number: signal.Signals) -> None:
    before, said = [signal.getsignal(one) for one in STOP_SIGNALS], list[str]()

    def stop_slowly() -> None:
        try:
            signal.raise_signal(number)
        finally:
            for one in STOP_SIGNALS:
                signal.raise_signal(one)
            said.append("stopped")

    with pytest.raises(KeyboardInterrupt), interrupted_by_signals(said.append):
        stop_slowly()
    assert said == [number.name, "stopped"]
    assert [signal.getsignal(one) for one in STOP_SIGNALS] == before
