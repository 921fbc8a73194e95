"""The inputs of a prediction inside a SavedModel: specs, defaults and checks, from declarations."""

import inspect

import tensorflow as tf

from lm_zoo.export.in_graph.utf8 import checked_utf8


def compiled(function, inputs):
    """Returns the `tf.function` of a prediction, whose inputs are checked before anything else.

    Args:
        function: Takes the inputs in their order, as `checked` gives them, and returns a
            dictionary of tensors.
        inputs: `Input`s.
    """

    def call(*values):
        return function(*checked(inputs, values))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(each.name, kind, default=_default(each)) for each in inputs]
    call.__signature__ = inspect.Signature(parameters)
    return tf.function(call, input_signature=[spec_of(each) for each in inputs], autograph=False)


def spec_of(each):
    """Returns the `tf.TensorSpec` of an `Input`: texts are a list, settings have any rank."""
    shape = (None,) if each.field else None
    return tf.TensorSpec(shape, tf.as_dtype(each.dtype), name=each.name)


def _default(each):
    """Returns the default as a tensor: only those get into a SavedModel's signature."""
    if each.is_required:
        return inspect.Parameter.empty
    value = "" if each.each == "list" and not each.default else each.default
    return tf.constant(value, tf.as_dtype(each.dtype))


def checked(inputs, values):
    """Returns the values in one form, after checking them in the graph.

    Args:
        inputs: `Input`s.
        values: A tensor for each, as `spec_of` says.

    Returns:
        A list of tensors: texts, `(rows,)`, which are UTF-8; a value for each row, `(rows,)`; one
        value for all, a scalar; of lists `(rows, number)`, filled up with what they have.
    """
    texts = [(each, value) for each, value in zip(inputs, values) if each.field]
    first, rows = texts[0][0], tf.size(texts[0][1])
    found = []
    for each, value in zip(inputs, values, strict=True):
        if each.dtype == "string":
            value = checked_utf8(value, each.name)
        if each.field:
            expected = f"{each.name}: expected one for each {first.name}, received"
            value = _if(tf.size(value) == rows, [expected, tf.size(value)], value)
        elif each.each == "list":
            value = _lists(each, value, rows)
        elif each.each == "call":
            value = _one_for_all(each, value)
        else:
            value = _one_for_each(each, value, rows)
        found.append(value)
    return found


def _one_for_each(each, value, rows):
    expected = f"{each.name}: expected {each.expected}, received"
    value = _if(tf.reduce_all(each.fits(value)), [expected, value], value)
    expected = f"{each.name}: expected one value, or one for each text, received"
    value = _if((tf.size(value) == 1) | (tf.size(value) == rows), [expected, value], value)
    return tf.broadcast_to(tf.reshape(value, [-1]), [rows])


def _one_for_all(each, value):
    """Rows of a request each have a value in some forms; here they have to agree."""
    value = tf.reshape(value, [-1])
    one = tf.concat([value, tf.ones([1], value.dtype)], 0)[0]  # of no rows: 1
    expected = f"{each.name}: expected {each.expected}, the same for all texts, received"
    return _if(each.fits(one) & tf.reduce_all(value == one), [expected, value], one)


def _lists(each, value, rows):
    number = tf.concat([[1], tf.shape(value)], 0)[-1]
    lists = tf.reshape(value, tf.stack([-1, number]))  # (1 or rows, number)
    right = (tf.rank(value) < 2) | ((tf.rank(value) == 2) & (tf.shape(lists)[0] == rows))
    expected = f"{each.name}: expected one string, a list, or a list for each text, received shape"
    lists = _if(right, [expected, tf.shape(value)], lists)
    return tf.broadcast_to(lists, tf.stack([rows, number]))


def _if(right, message, value):
    """Returns the value after checking a condition."""
    check = tf.debugging.Assert(right, message)
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(value)
