"""Readers of files: each format to records or documents, within bounds of memory."""
