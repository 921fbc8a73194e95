"""Recurrent models as PyTorch modules."""
