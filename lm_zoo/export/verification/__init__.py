"""Proof that an export does what the run does: its answers held to Python's."""
