"""The seam on a real Kafka: read by librdkafka, written by a transactional producer of our own (decision 0012)."""
