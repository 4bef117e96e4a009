"""What can go wrong with the parts of the one-machine cluster: each message says what, where, what to do."""

from __future__ import annotations

from schemas.errors import NeedsPerson


class ClusterProblem(NeedsPerson):
    """A part cannot be fetched, started or stopped, and trying the same again at once would not help."""


class DownloadFailed(ClusterProblem):
    """A package did not arrive whole. Operator action: check network and certificates, run the command again."""


class StartFailed(ClusterProblem):
    """A part did not come up in time or ended while starting. Operator action: read the log file named."""


class AlreadyRunning(ClusterProblem):
    """Another `leadflow` holds this data folder. Operator action: `leadflow down`, or choose another --data."""
