"""Violations planted by hand into clean topics, each with the rule that must find it: the proof that the auditor bites.

for planted in VIOLATIONS: history = History(messages, codec); at = planted.plant(history)
"""

from console.audit.planting import books, clocks, rights, sales
from console.audit.planting.registry import VIOLATIONS, Violation

__all__ = ["VIOLATIONS", "Violation", "books", "clocks", "rights", "sales"]
