"""Beam search: over the continuations of prompts, and over translations."""
