"""How records move: exactly-once epochs on Kafka, restore, timers, dead letters."""
