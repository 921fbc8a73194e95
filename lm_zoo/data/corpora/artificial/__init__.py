"""Artificial languages, of which the entropy or the one right translation is known."""
