"""Tests of `tables`: plain values, no outside parts."""
