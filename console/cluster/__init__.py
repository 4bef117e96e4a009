"""One machine: Kafka, Valkey and workers as supervised child processes."""
