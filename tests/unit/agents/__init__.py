"""Tests of unit/agents."""
