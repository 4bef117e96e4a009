"""Tests of topics and the Kafka client on a real broker."""
