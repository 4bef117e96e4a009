"""Bringing a CSV file in: reading, mapping, the campaign's verdict, sending."""
