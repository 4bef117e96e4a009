"""Tests of the one-machine cluster that need no server."""
