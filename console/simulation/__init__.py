"""The whole application on a broker in memory, from one seed: every fault that a seed can draw, then a judgement."""
