"""How one of our variables is made of another library's tensors, and taken apart into them."""

import typing

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.model_tensors import model_tensors

HEAD = "lm_head.weight"  # of a transformers model whose output layer is not its embedding


class TensorMapping(typing.NamedTuple):
    """One of our variables and the tensors that hold the same numbers elsewhere.

    Attributes:
        variable: The variable's path within the model (`block_0/mlp/inner/kernel`), or None where
            our model has no such weight and the other library's must be zeros.
        tensors: The other library's names and shapes.
        join: Makes our array of theirs, given in the order of `tensors`.
        split: The inverse: a list of arrays.
    """

    variable: str | None
    tensors: dict[str, tuple[int, ...]]
    join: typing.Callable
    split: typing.Callable


def num_rows(arguments):
    """How many rows a model's embedding and output have, by its constructor's arguments."""
    return arguments["vocab_size"] + arguments.get("vocab_padding", 0)


def has_bias(arguments, part="use_bias"):
    """Whether a part of a Transformer (`attention_bias`, `mlp_bias`) has biases."""
    own = arguments.get(part)
    return arguments.get("use_bias", True) if own is None else own


def same(variable, name, shape):
    """The other library's tensor is our variable."""
    return TensorMapping(variable, {name: tuple(shape)}, lambda a: a, lambda a: [a])


def zeros(name, shape):
    """A tensor that the other library asks for and our model does without."""
    return TensorMapping(
        None, {name: tuple(shape)}, lambda a: None, lambda _: [np.zeros(shape, np.float32)]
    )


def same_or_zeros(arguments, variable, name, size, part="use_bias"):
    """A vector that the other library always has, and our model where the part has biases."""
    return same(variable, name, (size,)) if has_bias(arguments, part) else zeros(name, (size,))


def transposed(variable, name, shape):
    """A matrix that the other library keeps as `(outputs, inputs)`; `shape` is theirs."""
    return side_by_side(variable, {name: shape})


def side_by_side(variable, tensors):
    """Matrices of `(outputs, inputs)` whose transposes stand beside each other in our kernel."""
    ends = np.cumsum([shape[0] for shape in tensors.values()])[:-1]
    return TensorMapping(
        variable,
        {name: tuple(shape) for name, shape in tensors.items()},
        lambda *arrays: np.concatenate([a.T for a in arrays], 1),
        lambda a: [piece.T for piece in np.split(a, ends, 1)],
    )


def end_to_end(variable, tensors):
    """Vectors that stand one after the other in our bias."""
    ends = np.cumsum([shape[0] for shape in tensors.values()])[:-1]
    return TensorMapping(
        variable,
        {name: tuple(shape) for name, shape in tensors.items()},
        lambda *arrays: np.concatenate(arrays),
        lambda a: np.split(a, ends),
    )


def check_tensors(mappings, source, ignored=lambda name: False):
    """Sees that a source holds the tensors of a model, no others, and in which shapes.

    Args:
        mappings: An iterable of `TensorMapping`; it is read only as far as the tensors are there.
        source: What holds the tensors: has `names`, `shape(name)` and `where(name)`.
        ignored: Of a name: whether such a tensor is none of the weights.

    Raises:
        UserError: Naming the first tensor that is missing, of another shape, or not expected.
    """
    known = set()
    for mapping in mappings:
        for name, expected in mapping.tensors.items():
            if name not in source.names:
                raise UserError(
                    f"{source.where()}: expected a tensor {name!r} of shape {expected}, found "
                    "none; the weights and the config are of different models, or a file is "
                    "missing."
                )
            if source.shape(name) != expected:
                raise UserError(
                    f"{source.where(name)}: tensor {name!r}: expected shape {expected}, "
                    f"received {source.shape(name)}; give the files of one model."
                )
            known.add(name)
    strangers = sorted(name for name in source.names - known if not ignored(name))
    if strangers:
        name = strangers[0]
        raise UserError(
            f"{source.where(name)}: unexpected tensor {name!r} of shape {source.shape(name)} (one "
            f"of {len(strangers)}); the model has no counterpart, and without it would compute "
            "something else."
        )


def assign(mappings, source, model):
    """Fills a model's variables, with one variable's tensors in memory at a time.

    Raises:
        UserError: If a tensor holds what is not a number.
    """
    variables = {name: v for name, v in model_tensors(model).items() if v.trainable}
    for mapping in mappings:
        arrays = [_finite(source, name) for name in mapping.tensors]
        variables.pop(f"model/{mapping.variable}").assign(mapping.join(*arrays))
    if variables:
        raise ValueError(f"nothing was assigned to {sorted(variables)[0]!r}")  # a mistake of ours


def taken_apart(mapping, variables):
    """Returns `{name: array}` of the tensors that another library wants of one variable.

    Args:
        mapping: A `TensorMapping`.
        variables: From `model_tensors`.
    """
    value = None if mapping.variable is None else np.asarray(variables[f"model/{mapping.variable}"])
    arrays = mapping.split(value)
    return {n: np.ascontiguousarray(a, np.float32) for n, a in zip(mapping.tensors, arrays)}


def _finite(source, name):
    array = source.read(name)
    if not np.isfinite(array).all():
        raise UserError(
            f"{source.where(name)}: tensor {name!r} of shape {array.shape} contains infinite "
            "numbers or NaN; the file is damaged, or training had diverged."
        )
    return array
