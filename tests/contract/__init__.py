"""What a client of the seam must do, held against the one in memory and the one on Kafka alike."""
