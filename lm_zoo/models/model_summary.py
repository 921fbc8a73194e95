"""What a model is made of: its layers with their weights and the work of a token."""

import math
import typing
from typing import Any


class SummaryRow(typing.NamedTuple):
    """A row of a model's summary: one layer, or several of the same kind.

    Attributes:
        name: The layer's name; `block_0..11` for twelve of a kind.
        num_parameters: Weights that training changes.
        flops_per_token: Floating-point operations of one forward pass, per token.
    """

    name: str
    num_parameters: int
    flops_per_token: int


class ModelSummary:
    """Mixin before `keras.Model`: counts weights and floating-point operations by layers."""

    def flops_per_token(self, sequence_length: Any) -> int:
        """Floating-point operations of one forward pass, per token; training takes three times it.

        A multiply-add counts as two. Matrix products alone are counted, as usual.
        """
        return sum(part.flops_per_token for part in self.describe(sequence_length))

    @property
    def num_parameters(self) -> int:
        """Number of weights that training changes."""
        return sum(_num_parameters(layer) for layer in self.layers)

    def layer_flops_per_token(self, layer: Any, sequence_length: Any) -> int:
        """Floating-point operations of one of the model's layers, per token of a forward pass."""
        return layer.flops_per_token() if hasattr(layer, "flops_per_token") else 0

    def describe(self, sequence_length: Any) -> Any:
        """Returns a `SummaryRow` for each layer with weights or products; neighbours of a kind share one.

        A model within the model has its own parts.

        Args:
            sequence_length: Tokens per row, which attention's cost depends on.
        """
        if not self.built:
            self.build((None, None))
        groups = []  # (stem of the name, layers)
        for layer in self.layers:
            if not layer.weights and not self._flops(layer, sequence_length):
                continue  # dropout
            stem = layer.name.rstrip("0123456789")
            if groups and stem == groups[-1][0] != layer.name:
                groups[-1][1].append(layer)
            else:
                groups.append((stem, [layer]))
        parts = []
        for _, layers in groups:
            if isinstance(layers[0], ModelSummary):
                parts += layers[0].describe(sequence_length)
                continue
            name = layers[0].name + (f"..{len(layers) - 1}" if len(layers) > 1 else "")
            flops = sum(self._flops(layer, sequence_length) for layer in layers)
            parts.append(SummaryRow(name, sum(map(_num_parameters, layers)), flops))
        return tuple(parts)

    def _flops(self, layer, sequence_length):
        if isinstance(layer, ModelSummary):
            return layer.flops_per_token(sequence_length)
        return self.layer_flops_per_token(layer, sequence_length)

    def summary_table(self, sequence_length: Any) -> str:
        """Returns the parts and their total as lines of text, to print before training."""
        parts = self.describe(sequence_length)
        total = SummaryRow(
            "total", sum(p.num_parameters for p in parts), sum(p.flops_per_token for p in parts)
        )
        rows = [("part", "parameters", "FLOP/token")]
        rows += [
            (p.name, f"{p.num_parameters:,}", f"{p.flops_per_token:,}") for p in (*parts, total)
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        return "\n".join(
            f"{name:<{widths[0]}}  {parameters:>{widths[1]}}  {flops:>{widths[2]}}"
            for name, parameters, flops in rows
        )


def _num_parameters(layer):
    return sum(math.prod(weight.shape) for weight in layer.trainable_weights)
