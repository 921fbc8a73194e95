"""Bounds on the memory of one call of a model, wherever it is called from."""

MOST_LOGITS = 2**26  # numbers in one call's logits; 256 MiB in float32
