"""Tests of integration/dedup."""
