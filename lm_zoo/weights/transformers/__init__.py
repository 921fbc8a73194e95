"""Folders as transformers reads and writes them: GPT-2 and Llama."""
