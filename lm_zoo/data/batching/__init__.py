"""Batches as functions of the step, read ahead, and the proof that they use all data once."""
