"""The demonstration: generated leads, a killed worker, an exact result."""
