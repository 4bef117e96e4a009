"""The one-machine parts, for real."""
