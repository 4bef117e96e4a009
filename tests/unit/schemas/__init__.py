"""Tests of `schemas`: plain values, no outside parts."""
