"""Benchmarks: what they say, without running one."""
