"""The seam in memory: brokers, logs and groups of a simulated cluster, with every fault that it is told of."""
