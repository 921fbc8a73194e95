"""Text classification: which of several labels a text has."""
