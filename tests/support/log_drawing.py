"""Drawing a log in memory in one line, so that a test can say what it expects there."""

from __future__ import annotations

from streams.memory.log import Entry, PartitionLog, TransactionStatus


def drawing(log: PartitionLog) -> str:
    """Return the log in one line: `value` committed, `(value)` aborted, `value?` open, `C` and `A` markers."""
    return " ".join(_draw(entry) for entry in log._entries)


def _draw(entry: Entry) -> str:
    transaction = entry.transaction
    if entry.marker and transaction is not None:
        return "C" if transaction.committed else "A"
    text = "-" if entry.value is None else entry.value.decode(errors="replace")
    if transaction is None or transaction.status is TransactionStatus.COMMITTED:
        return text
    return f"{text}?" if transaction.status is TransactionStatus.OPEN else f"({text})"
