"""Commits in doubt: late requests of one transaction in the next."""
