"""Recurrent layers, whose gradients are written out."""
