"""Tests of leadflow."""
