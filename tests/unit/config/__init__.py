"""Tests of `config`: plain values, no outside parts."""
