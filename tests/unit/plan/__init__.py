"""Tests of the distribution plan."""
