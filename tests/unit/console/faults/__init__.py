"""Unit tests of the faults' harness."""
