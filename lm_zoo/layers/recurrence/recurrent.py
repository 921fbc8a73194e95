"""What the three recurrent layers share: weights, the input projection, the state."""

from typing import Any

import tensorflow as tf

from lm_zoo.layers import initializers
from lm_zoo.layers.configurable import ConfigurableLayer
from lm_zoo.layers.wide_sums import add_shared
from lm_zoo.types import Tensor


class RecurrentLayer(ConfigurableLayer):
    """A layer that reads a sequence step by step and hands its state on.

    The input projection of all time steps is one matrix product. The recurrence is a loop with a
    gradient of its own (`tf.custom_gradient`): the backward loop carries the state's gradient
    alone, and the recurrent kernel's gradient is one product after it instead of one per step.

    Weights have the shapes and gate order of the Keras layer of the same name.

    Dtypes: matrix products run in the compute dtype; gates, cell and state are float32 under every
    policy, so that a text may be cut anywhere without a change. Outputs have the compute dtype.

    Args:
        hidden_dim: Width of the state.
        init_scale: Half width of the uniform distribution that all weights are drawn from; 0 means
            Glorot uniform for the kernel, orthogonal for the recurrent kernel, zeros for biases.
        seed: Of the initial weights; None draws them anew each time.
    """

    num_gates = 1
    states_per_layer = 1

    def __init__(
        self, hidden_dim: int, init_scale: float = 0.0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.set_arguments(locals())

    def build(self, inputs_shape: Any, state_shape: Any = None) -> None:
        self.input_dim = inputs_shape[-1]
        width = self.num_gates * self.hidden_dim
        if self.init_scale:
            kernel = initializers.uniform(self.init_scale, self.seed, "kernel")
            recurrent = initializers.uniform(self.init_scale, self.seed, "recurrent_kernel")
        else:
            kernel = initializers.glorot(self.seed, "kernel")
            recurrent = initializers.orthogonal(self.seed, "recurrent_kernel")

        def add(name, shape, initializer):
            return self.add_weight(name=name, shape=shape, initializer=initializer, autocast=False)

        self.kernel = add("kernel", (self.input_dim, width), kernel)
        self.recurrent_kernel = add("recurrent_kernel", (self.hidden_dim, width), recurrent)
        self.bias = add("bias", self.bias_shape(), self.initial_bias)

    def bias_shape(self) -> Any:
        return (self.num_gates * self.hidden_dim,)

    def initial_bias(self, shape: Any, dtype: str | None = None) -> Any:
        if not self.init_scale:
            return tf.zeros(shape, dtype)
        return initializers.uniform(self.init_scale, self.seed, "bias")(shape, dtype)

    def initial_state(self, batch_size: int) -> Tensor:
        """Returns the float32 zeros before the first step, each of shape `(batch, hidden_dim)`."""
        zeros = tf.zeros((batch_size, self.hidden_dim), tf.float32)
        return zeros if self.states_per_layer == 1 else (zeros,) * self.states_per_layer

    def call(
        self,
        inputs: Tensor,
        state: Tensor | None = None,
        document_starts: Tensor | None = None,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Reads a piece of text.

        Args:
            inputs: Shape `(batch, length, input_dim)`.
            state: From `initial_state`, or from the piece before; None, as in `keras.Sequential`,
                reads a text from its start and gives the outputs alone.
            document_starts: Where the state is reset to zero before a step: bool `(batch, length)`,
                or None for nowhere.
            lengths: How many steps each row has, int32 `(batch,)`, or None for all: after them its
                state stays as it is, and outputs are arbitrary.
            mask: The same as Keras has it: True where a step is one of the row's, bool `(batch,
                length)`, or None for everywhere.

        Returns:
            `(outputs, state)`: shape `(batch, length, hidden_dim)`, and the state after the last
            step. Without a given state the outputs alone.
        """
        is_whole = state is None
        if is_whole:
            state = self.initial_state(tf.shape(inputs)[0])
        inputs = tf.transpose(tf.cast(inputs, self.compute_dtype), (1, 0, 2))  # (T, B, D)
        kernel = tf.cast(self.kernel, self.compute_dtype)
        flat = tf.matmul(tf.reshape(inputs, (-1, self.input_dim)), kernel)  # (T * B, G * H)
        bias = tf.convert_to_tensor(self.bias)
        flat = add_shared(flat, self.input_bias(bias))
        shape = tf.shape(inputs)
        projected = tf.reshape(flat, (shape[0], shape[1], flat.shape[1]))  # (T, B, G * H)
        projected = tf.ensure_shape(projected, (*inputs.shape[:2], flat.shape[1]))
        recurrent_kernel = tf.cast(self.recurrent_kernel, self.compute_dtype)
        masks = ()  # each bool (T, B, 1): where a document starts, and where a row is active
        if document_starts is not None:
            masks = (tf.transpose(document_starts)[..., None],)
        elif lengths is not None:
            goes_on = (tf.range(shape[0])[:, None] < lengths)[..., None]
            masks = (tf.zeros_like(goes_on), goes_on)
        elif mask is not None:
            goes_on = tf.transpose(mask)[..., None]
            masks = (tf.zeros_like(goes_on), goes_on)
        outputs, state = self.recur(projected, recurrent_kernel, bias, state, *masks)
        outputs = tf.transpose(outputs, (1, 0, 2))  # (B, T, H)
        return outputs if is_whole else (outputs, state)

    def input_bias(self, bias: Tensor) -> Any:
        return bias

    def recur(
        self, projected: Tensor, recurrent_kernel: Tensor, bias: Tensor, state: Tensor, *masks: Any
    ) -> Any:
        """Runs the recurrence over projected inputs.

        Args:
            projected: `inputs @ kernel + bias`, `(length, batch, num_gates * hidden_dim)`.
            recurrent_kernel: `(hidden_dim, num_gates * hidden_dim)`, in the compute dtype.
            bias: float32, of `bias_shape`.
            state: float32 `(batch, hidden_dim)`, or a tuple of `states_per_layer` such tensors.
            *masks: None, one or two bool tensors `(length, batch, 1)`: where a document starts
                (the state is reset), and where a row is active (elsewhere it keeps its state).

        Returns:
            `(outputs, state)`: outputs of shape `(length, batch, hidden_dim)`.
        """
        raise NotImplementedError

    def flops_per_token(self) -> int:
        return 2 * (self.input_dim + self.hidden_dim) * self.num_gates * self.hidden_dim


def reset_at_starts(masks, *tensors):
    """Zeroes rows where a document starts: states before a step, and their gradients.

    It selects rather than multiplies, so that not even an infinity leaks from one document into
    the next.

    Args:
        masks: An empty sequence, which changes nothing, or one whose first entry is a bool tensor
            of shape `(..., batch, 1)`.
        *tensors: Shape `(..., batch, width)`.

    Returns:
        The tensors, a list.
    """
    if not masks:
        return list(tensors)
    return [tf.where(masks[0], tf.zeros((), t.dtype), t) for t in tensors]


def keep_inactive(masks, new, old):
    """Lets rows that have ended keep their state.

    Args:
        masks: Without a second tensor, no row has ended; that one is boolean, `(batch, 1)`: which
            rows go on.
        new: Tuple of tensors `(batch, width)`.
        old: The same before the step.

    Returns:
        A tuple of tensors.
    """
    if len(masks) < 2:
        return tuple(new)
    return tuple(tf.where(masks[1], n, o) for n, o in zip(new, old, strict=True))


def mask_inactive_gradients(masks, *gradients):
    """Puts the gradients of steps after a row's end to zero; masks and shapes as in `keep_inactive`."""
    if len(masks) < 2:
        return list(gradients)
    return [tf.where(masks[1], g, tf.zeros((), g.dtype)) for g in gradients]


def recurrent_kernel_gradient(hidden_before, d_gates):
    """The gradient of all steps as one product.

    Args:
        hidden_before: The state before each step, shape `(length, batch, hidden_dim)`.
        d_gates: Gradients of the recurrent products, `(length, batch, num_gates * hidden_dim)`.

    Returns:
        Shape `(hidden_dim, num_gates * hidden_dim)`.
    """
    hidden_before = tf.reshape(hidden_before, (-1, hidden_before.shape[-1]))
    return tf.matmul(hidden_before, tf.reshape(d_gates, (-1, d_gates.shape[-1])), transpose_a=True)
