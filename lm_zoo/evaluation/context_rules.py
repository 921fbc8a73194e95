"""Where a token's context may come from when perplexity is measured."""

CONTEXT_RULES = ("auto", "carried", "windows")
