"""What the formats share: a model in another library's files, and a check of such files."""

import typing

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.model_tensors import model_tensors
from lm_zoo.weights.tensor_mapping import check_tensors

TRANSFORMER = "transformer_decoder"  # what a GPT-2 or Llama becomes


class ForeignModel(typing.NamedTuple):
    """What is needed to make a model of ours from another library's files.

    Attributes:
        name: The model, as in `model.name` of a config.
        arguments: Of its constructor.
        mappings: The `TensorMapping`s that its variables are made of, a list.
        source: What holds the tensors, open.
        tokenizer: The `Tokenizer` in the files, or None.
        files: The files that were read, as paths.
    """

    name: str
    arguments: dict
    mappings: list
    source: typing.Any
    tokenizer: typing.Any
    files: list


def arguments_of(model):
    """Returns a model's constructor arguments, with what defaults of 0 stand for."""
    arguments = {name: getattr(model, name) for name in model.constructor_parameters()}
    if "intermediate_dim" in arguments:
        arguments["intermediate_dim"] = model.blocks[0].intermediate_dim
    return arguments


def not_held(model, held):
    """Returns the first argument of a model that a foreign form has no place for, or None.

    Args:
        model: The model.
        held: Argument -> the values that the form has.
    """
    return next((name for name, only in held.items() if getattr(model, name) not in only), None)


def check_written(mappings, source, model):
    """Sees that files just written give the model's variables back, bit by bit.

    Raises:
        UserError: Naming the tensor that does not.
    """
    check_tensors(mappings, source)
    variables = model_tensors(model)
    for mapping in mappings:
        joined = mapping.join(*[source.read(name) for name in mapping.tensors])
        if mapping.variable is None:
            continue
        if not np.array_equal(joined, np.asarray(variables[f"model/{mapping.variable}"])):
            name = next(iter(mapping.tensors))
            raise UserError(
                f"{source.where(name)}: tensor {name!r} is not what was written; the disk is "
                "faulty, or the weights contain NaN."
            )


def written(kind, model, where):
    """Returns a line that says what `check_written` has found good."""
    return (
        f"{kind} of {model.num_parameters:,} parameters in {where}; every tensor, read back, "
        "equals the run's bit for bit"
    )
