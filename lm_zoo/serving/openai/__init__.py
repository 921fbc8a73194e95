"""OpenAI's interface: completions and embeddings."""
