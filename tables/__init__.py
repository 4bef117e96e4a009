"""What is remembered between leads: pure state machines."""
