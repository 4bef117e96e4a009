"""Intake: is a received lead valid, and was this person seen before? Everything but `stage.py` is rules or a port."""
