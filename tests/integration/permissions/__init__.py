"""Who may do what at a Kafka that checks permissions."""
