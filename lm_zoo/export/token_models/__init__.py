"""Exports that take token ids: LiteRT and ONNX."""
