"""A disk that fills up, on a small one of its own (a file system in memory, which takes root)."""

from __future__ import annotations

import shutil
from pathlib import Path

from config.intake import pause_reason
from console.faults.catalogue import fault
from console.faults.failure import FaultFailed
from console.faults.stand import BALLAST, Needs
from console.faults.trial import Moment, Trial
from schemas.topics import RECEIVED

SIZE_MIB = 768
LIMIT_MIB = 128
LEFT_MIB = 64
FULL_S = 8.0
#: What was on its way when the disk was full has come out by then.
SETTLED_S = 0.5
SEEN_LIMIT_S = 30.0
CHUNK = bytes(1 << 20)


def _fill(folder: Path, left_bytes: int) -> Path:
    """Write a file until so little is left; return it."""
    ballast = folder / BALLAST
    try:
        with ballast.open("wb", buffering=0) as out:
            while (free := shutil.disk_usage(folder).free) > left_bytes:
                out.write(CHUNK[: min(len(CHUNK), free - left_bytes)])
    except OSError as error:
        if left_bytes:
            raise FaultFailed(f"the disk could not be filled: {error.strerror}") from error
    return ballast


@fault(Needs(disk_mib=SIZE_MIB, settings={"LEADFLOW_DISK_FREE_MIN_MIB": str(LIMIT_MIB)}))
def disk_nearly_full(trial: Trial) -> str:
    """Below LEADFLOW_DISK_FREE_MIN_MIB (here 128 MiB) intake pauses and says so, and goes on when there is room."""
    folder = trial.here.cluster.folder

    def inject() -> Moment:
        ballast = _fill(folder, LEFT_MIB << 20)
        trial.wait(lambda: pause_reason(folder), SEEN_LIMIT_S, "intake does not pause")
        trial.pause(SETTLED_S)
        moment, before = trial.now(), trial.watch.unique
        trial.pause(FULL_S)
        if trial.watch.unique > before + trial.load.rate:
            raise FaultFailed("leads were taken in while intake was paused")
        ballast.unlink()
        return moment

    intake = {at for at in trial.watch.moves() if at.topic == RECEIVED}
    trial.fault("a disk nearly full", inject, intake)
    trial.until_ready()
    return f"{LEFT_MIB} MiB free: intake paused, leads waited in the log; went on by itself when there was room"


@fault(Needs(disk_mib=SIZE_MIB, settings={"LEADFLOW_DISK_FREE_MIN_MIB": "0"}))
def disk_full(trial: Trial) -> str:
    """Without that pause a full disk stops Kafka, Valkey and workers in the middle of a write; nothing is lost."""
    folder = trial.here.cluster.folder
    starts = {name: trial.restarts(name) for name in ("kafka", "valkey", "w1", "w2")}

    def inject() -> Moment:
        ballast = _fill(folder, 0)
        trial.pause(SETTLED_S)
        moment = trial.now()
        trial.pause(FULL_S)
        ballast.unlink()
        return moment

    trial.fault("a full disk", inject)
    trial.until_ready()
    ended = [name for name, count in starts.items() if trial.restarts(name) > count]
    return f"0 bytes free for {FULL_S:.0f} s; {', '.join(ended) or 'nobody'} ended and came back when there was room"
