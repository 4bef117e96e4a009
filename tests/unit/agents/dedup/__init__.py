"""Tests of unit/agents/dedup."""
