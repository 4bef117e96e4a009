"""A benchmark that did not come to its end."""

from __future__ import annotations


class BenchFailed(Exception):
    """The run did not end, or its output is not exact. The message says which."""
