"""Every error of leadflow, split by what the caller must do.

    LeadflowError
      Poison         the record can never be processed: dead-letter it, go on
        Undecodable    its bytes are not a record of a known schema
        UnknownSchema  its schema id is not known anywhere
      Unavailable    the world is in the way: pause what needs it, wait, try again
      EpochLost      this epoch cannot be committed; abort, undo, redo (generation moved, commit refused)
      StateInDoubt   our own state may be wrong: stop the process (exit 70)
      Fenced         another process has taken this worker's name (exit 75)
      NeedsPerson    nothing a restart can cure (exit 78)
      PartitionStop  this partition's state and offsets disagree: pause it alone, say so

Bad settings and bad plans have their own errors in `config/`: they can only happen before work starts.
"""

from __future__ import annotations

EXIT_RESTART = 70
EXIT_FENCED = 75
EXIT_NEEDS_PERSON = 78


class LeadflowError(Exception):
    """Root of all errors that leadflow raises. Messages never contain a person's value or a secret."""


class Poison(LeadflowError):
    """The record can never be processed. Operator action: `leadflow dead show`, mend, `leadflow dead retry`."""

    reason = "POISON"


class Undecodable(Poison):
    """The bytes are not a record of the schema they name."""

    reason = "UNDECODABLE"


class UnknownSchema(Poison):
    """The schema id is known neither to the committed list, nor to extra schemas, nor to the registry."""

    reason = "UNKNOWN_SCHEMA"


class Unavailable(LeadflowError):
    """Something outside does not answer (Redis, registry). What needs it waits; nothing is lost."""


class EpochLost(LeadflowError):
    """The epoch cannot be committed and its outcome is known: it did not happen. State must be undone."""


class Overtaken(EpochLost):
    """Someone else wrote to `place`, a topic's partition, before records of ours whose offsets were foretold."""

    def __init__(self, place: tuple[str, int], expected: int) -> None:
        super().__init__(f"someone else wrote to {place[0]}-{place[1]} before offset {expected}, which was foretold")
        self.place = place


class StateInDoubt(LeadflowError):
    """The outcome of a commit, or our own state, is not known. Only a restart that restores settles it."""

    exit_code = EXIT_RESTART


class Fenced(LeadflowError):
    """Another process uses this worker's name. Operator action: give each worker its own --name."""

    exit_code = EXIT_FENCED


class NeedsPerson(LeadflowError):
    """Restarting cannot help. The message says what to do."""

    exit_code = EXIT_NEEDS_PERSON


class PartitionStop(LeadflowError):
    """State and committed offset of a partition disagree. Operator action: `leadflow repair`."""
