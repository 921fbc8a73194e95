"""Cleaning a corpus: every document through the steps, block by block, with a report."""
