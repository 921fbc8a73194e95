"""Spreading one run over devices and processes; the result does not depend on how."""
