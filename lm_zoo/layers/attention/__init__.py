"""Attention, what it may see, and where tokens stand."""
