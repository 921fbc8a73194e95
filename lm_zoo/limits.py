"""Bounds on the memory of one call of a model, wherever it is called from."""

MAX_CHUNK_TOKENS = 256  # tokens of a row, where more are read piece by piece
MAX_TOKENS = 4096  # tokens of all rows together, padding included, unless one row has more
MAX_LOGITS = 2**26  # numbers in one call's logits; 256 MiB in float32
BATCH_SIZE = 16  # texts in one call, where nothing else is asked for
