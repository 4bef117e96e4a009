"""Faults on real parts: processes, brokers, networks and records that go wrong under load, then an auditor."""
