"""A model whose reading is traced once, and called from all functions of a SavedModel."""

import contextlib

import keras
import tensorflow as tf

from lm_zoo.layers.attention.key_value_cache import is_written_in_place

IDS, ROWS = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)


class TracedModel:
    """What the functions of a SavedModel ask of a model, with stored weights.

    Tracing a deep model takes seconds, and its graph is large. Here each way of reading is one
    TensorFlow function, which the others call. The weights are among its arguments: they are
    widened once in a call of the SavedModel, outside of its loops.

    Args:
        model: A built model. Its own weights are not used.
        weights: `StoredWeights`.

    Attributes:
        vocab_size: The model's.
        context_length: The model's.
    """

    def __init__(self, model, weights):
        self._model = model
        self._stored = weights
        self._tensors = None
        self.vocab_size = model.vocab_size
        self.context_length = model.context_length
        self._described = None
        self._readings = {}

    def add(self, name, specs):
        """Gives this object a further method of the model, traced once.

        Args:
            name: Of the method.
            specs: A `tf.TensorSpec` for each argument.

        Returns:
            What it returns, with a `tf.TensorSpec` for each tensor.
        """
        made = self._traced(name, getattr(self._model, name), specs)
        setattr(self, name, lambda *arguments: made(self._weights(), *arguments))
        return tf.nest.map_structure(_spec, made.structured_outputs)

    def describe(self, *memory):
        """Finds out what the model's states are.

        Args:
            *memory: What `initial_state` takes besides rows and slots, with a `tf.TensorSpec` for
                each tensor.
        """
        model = self._model

        def read_one(batch_size, num_slots, *memory):
            state = model.initial_state(batch_size, num_slots, *memory)
            return state, model.features(tf.zeros([batch_size, 1], tf.int32), state)[0]

        number = tf.TensorSpec((), tf.int32)
        with tf.init_scope():
            made = tf.function(read_one, autograph=False)
            made = made.get_concrete_function(number, number, *memory)
        self._described = tf.nest.map_structure(_spec, made.structured_outputs)

    def _specs(self):
        """Returns the specs of a state and of features."""
        if self._described is None:
            self.describe()
        return self._described

    @property
    def width(self):
        """Of the model's features."""
        return self._specs()[1].shape[-1]

    def compiled(self, function, specs):
        """Returns a function compiled for `specs` that has the weights ready."""

        @tf.function(input_signature=specs, autograph=False)
        def compiled(*arguments):
            with self.widened():
                return function(*arguments)

        return compiled

    @contextlib.contextmanager
    def widened(self):
        """Makes the weights ready for what is traced inside: enter it outside of loops."""
        self._tensors = self._stored.widened()
        try:
            yield
        finally:
            self._tensors = None

    def initial_state(self, batch_size, num_slots=None, *memory):
        """As the model's `initial_state`."""
        return self._model.initial_state(batch_size, num_slots, *memory)

    def features(self, token_ids, state, lengths=None):
        """Returns `(features, state)` after some tokens, see `LanguageModel.features`."""
        one = 1 if token_ids.shape[1] == 1 else None  # a single token needs no loop over time
        reading = self._reading(one, lengths is not None)
        return reading(self._weights(), token_ids, state, *([] if lengths is None else [lengths]))

    def logits(self, features):
        """Returns float32 logits `(..., vocab_size)` of features."""
        with self._using(self._weights()):
            return self._model.logits(features)

    def _weights(self):
        """Returns the weights, widened here if what was widened is of no graph around this one."""
        graph = tf.compat.v1.get_default_graph()
        while graph is not None and self._tensors is not None:
            if graph is self._tensors[0].graph:
                return self._tensors
            graph = getattr(graph, "outer_graph", None)
        return self._stored.widened()

    def _reading(self, length, with_lengths):
        """Returns the function that reads rows of a length, None for any."""
        specs = [
            tf.TensorSpec((None, length), tf.int32),
            self._specs()[0],
            *([tf.TensorSpec((None,), tf.int32)] if with_lengths else []),
        ]

        def read(token_ids, state, *lengths):
            lengths = lengths[0] if lengths else None
            return self._model.features(token_ids, state, lengths=lengths)

        return self._traced((length, with_lengths), read, specs)

    def _traced(self, key, function, specs):
        """Returns a function of the weights and of what `specs` says, traced once for a key."""
        key = (key, is_written_in_place())
        if key not in self._readings:
            weights = [tf.TensorSpec(weight.shape, tf.float32) for weight in self._model.weights]

            @tf.function(autograph=False)
            def reading(weights, *arguments):
                with self._using(weights):
                    read = function(*arguments)
                _forget_gradients()
                return read

            self._readings[key] = reading.get_concrete_function(weights, *specs)
        return self._readings[key]

    def _using(self, tensors):
        pairs = zip(self._model.weights, tensors, strict=True)
        return keras.StatelessScope(state_mapping=list(pairs))


def _forget_gradients():
    """Removes custom-gradient attributes from the graph that is being traced.

    They are not saved, and loading the SavedModel would log a warning for each.
    """
    for operation in tf.compat.v1.get_default_graph().get_operations():
        if "_gradient_op_type" in operation.node_def.attr:
            operation._clear_attr("_gradient_op_type")


def _spec(tensor):
    return tf.TensorSpec(tensor.shape, tensor.dtype)
