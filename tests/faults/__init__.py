"""Real processes, real Kafka, and something that breaks."""
