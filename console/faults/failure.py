"""What a fault's trial says when something promised did not come true."""

from schemas.errors import LeadflowError


class FaultFailed(LeadflowError):
    """A promise did not hold, or could not be looked at; the message says which, and where to look."""


class NotHere(LeadflowError):
    """The machine cannot bring the fault about; the message says what is missing."""
