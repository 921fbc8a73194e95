"""Adafactor (Shazeer and Stern 2018) at the learning rate that it is given."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lm_zoo")
class Adafactor(keras.optimizers.Optimizer):
    """Algorithms 4 and 5 of the paper, with `learning_rate` for their relative step size.

    Keras' optimizer of this name takes no rate above 1 / sqrt(step), whatever `relative_step` says,
    and keeps a whole second moment beside its factors.

    A variable moves by `learning_rate` times its own root mean square, or `EPSILON_2` if that is
    more. First moments are not kept.

    Args:
        learning_rate: Relative step size; the paper's own is at most 0.01.
    """

    BETA_2_DECAY = -0.8  # the second moments' decay at step t is `1 - t ** BETA_2_DECAY`
    EPSILON_1 = 1e-30  # added to squared gradients
    EPSILON_2 = 1e-3  # least scale of a variable
    CLIP_THRESHOLD = 1.0  # largest root mean square of an update before it is scaled

    def __init__(self, learning_rate=0.01, name="adafactor", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._moments = [self._new_moments(variable) for variable in variables]

    def _new_moments(self, variable):
        """Means over rows and over columns of a matrix' squared gradients; else these as such."""
        shape = tuple(variable.shape)
        shapes = [shape] if len(shape) < 2 else [shape[:-1], (*shape[:-2], shape[-1])]
        return tuple(
            self.add_variable(shape=s, dtype=variable.dtype, name=variable.name) for s in shapes
        )

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        rate = ops.cast(learning_rate, dtype)
        gradient = ops.cast(gradient, dtype)
        new_share = ops.power(ops.cast(self.iterations + 1, dtype), self.BETA_2_DECAY)
        squares = ops.square(gradient) + self.EPSILON_1
        moments = self._moments[self._get_variable_index(variable)]
        axes = (None,) if len(moments) == 1 else (-1, -2)
        for moment, axis in zip(moments, axes):
            found = squares if axis is None else ops.mean(squares, axis=axis)
            self.assign(moment, moment + new_share * (found - moment))
        if len(moments) == 1:
            update = gradient * ops.rsqrt(moments[0])
        else:
            rows, columns = moments
            rows = rows / ops.mean(rows, axis=-1, keepdims=True)
            scale = ops.rsqrt(rows)[..., None] * ops.rsqrt(columns)[..., None, :]
            update = gradient * scale
        update = update / ops.maximum(1.0, _root_mean_square(update) / self.CLIP_THRESHOLD)
        rate = rate * ops.maximum(self.EPSILON_2, _root_mean_square(variable))
        self.assign_sub(variable, rate * update)


def _root_mean_square(x):
    return ops.sqrt(ops.mean(ops.square(x)))
