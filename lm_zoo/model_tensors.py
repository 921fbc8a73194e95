"""A model's variables by name, as checkpoints and weight files hold them."""

import keras
import numpy as np

from lm_zoo.errors import UserError


def _name_within_model(variable):
    """The variable's path without the model's own name, which Keras numbers within a process."""
    return variable.path.split("/", 1)[-1]


def model_tensors(model):
    """Returns `model/<path>` -> variable, for all variables of a model."""
    return {f"model/{_name_within_model(v)}": v for v in model.variables}


def ema_tensors(model, averages):
    """Returns `ema/<path>` -> averaged variable, in the order of the trainable variables."""
    return {f"ema/{_name_within_model(v)}": a for v, a in zip(model.trainable_variables, averages)}


def assign_tensors(variables, tensors):
    """Assigns arrays to variables by name.

    Raises:
        UserError: If a name is missing or a shape differs, naming it.
    """
    for name, variable in variables.items():
        check_tensor(name, variable.shape, tensors)
    for name, variable in variables.items():
        value = tensors[name]
        if isinstance(variable, keras.Variable):
            variable = variable.value
        variable.assign(value if isinstance(value, np.ndarray) else np.asarray(value))


def check_tensor(name, shape, tensors):
    """Raises a `UserError` unless `tensors` has one of that name and shape."""
    if name not in tensors:
        raise UserError(f"checkpoint: no tensor {name!r}; it belongs to another model.")
    received = tuple(tensors[name].shape)
    if received != tuple(shape):
        raise UserError(
            f"checkpoint: tensor {name!r}: expected shape {tuple(shape)}, received {received}; it "
            "belongs to another model."
        )
