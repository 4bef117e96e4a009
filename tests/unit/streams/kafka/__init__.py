"""Tests of `streams`: plain values, no outside parts."""
