"""Token ids on disk, from text to memory-mapped shards."""
