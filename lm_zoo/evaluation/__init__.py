"""Honest figures: perplexity with the ledger behind it, scores of texts, comparison of runs."""
