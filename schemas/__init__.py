"""What travels: Avro schemas, records, codec and slip, the catalogue of topics, error types."""
