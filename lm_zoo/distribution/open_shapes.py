"""Signatures of functions that batches of all shapes share one trace of."""

import tensorflow as tf


def of_any_shape(arguments):
    """Returns the arguments' `tf.TypeSpec`s with shapes that are open but for their ranks.

    Args:
        arguments: A nest of tensors, per-replica ones among them.
    """
    return tf.nest.map_structure(lambda value: _opened(tf.type_spec_from_value(value)), arguments)


def _opened(spec):
    if isinstance(spec, tf.TensorSpec):
        return tf.TensorSpec([None] * spec.shape.rank, spec.dtype)
    # Of a per-replica value, made of those of its parts.
    return type(spec)(*map(_opened, tf.nest.flatten(spec, expand_composites=True)))
