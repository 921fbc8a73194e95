"""Weights as keras-hub reads and writes them."""
