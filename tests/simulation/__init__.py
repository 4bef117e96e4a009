"""Simulations: stages and engines on the broker in memory, deterministic, with every fault we can name."""
