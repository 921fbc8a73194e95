"""A loop over time steps, forwards or backwards, for layers that bring their own gradient."""

import tensorflow as tf


def scan(step, state, sequences, outputs, reverse=False):
    """Runs `state, collected = step(state, slices)` over axis 0 of `sequences`.

    It works in eager mode, in graphs with any length, and under XLA with static shapes. It is meant
    for use inside `tf.custom_gradient`: the loop itself keeps nothing for a gradient.

    Args:
        step: Function of a tuple of tensors (the state) and a tuple of slices `sequence[t]`. It
            returns the next state and a tuple of tensors to collect.
        state: Tuple of tensors, the state before the first step.
        sequences: Tuple of tensors, shape `(length, ...)`.
        outputs: Tuple of `tf.TensorSpec`, one for each collected tensor of a single step.
        reverse: Whether time runs from the last slice to the first.

    Returns:
        `(state, collected)`: the state after the last step, and the collected tensors stacked along
        axis 0 in the order of `sequences` (also when `reverse`).
    """
    length = sequences[0].shape[0]
    if length == 1:  # generation: no loop at all
        state, collected = step(state, tuple(s[0] for s in sequences))
        return state, tuple(value[None] for value in collected)
    size = tf.shape(sequences[0])[0] if length is None else length
    arrays = tuple(
        tf.TensorArray(spec.dtype, size=size, element_shape=spec.shape) for spec in outputs
    )

    def body(count, state, arrays):
        time = size - 1 - count if reverse else count
        state, collected = step(state, tuple(s[time] for s in sequences))
        arrays = tuple(a.write(time, value) for a, value in zip(arrays, collected, strict=True))
        return count + 1, state, arrays

    _, state, arrays = tf.while_loop(
        lambda count, *_: count < size,
        body,
        (tf.constant(0), state, arrays),
        maximum_iterations=length,
    )
    collected = tuple(a.stack() for a in arrays)
    return state, tuple(
        tf.ensure_shape(value, (length, *spec.shape))
        for value, spec in zip(collected, outputs, strict=True)
    )


def shifted(first, sequence):
    """Returns `sequence` one step later: `first`, then all but the last of its slices."""
    return tf.concat([tf.cast(first, sequence.dtype)[None], sequence[:-1]], 0)
