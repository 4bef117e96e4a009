"""Tests of unit/agents/scoring."""
