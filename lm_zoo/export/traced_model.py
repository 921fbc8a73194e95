"""A model whose reading is traced once, and called from all functions of a SavedModel."""

import contextlib

import keras
import tensorflow as tf

from lm_zoo.generation.decoding_state import state_specs
from lm_zoo.layers.key_value_cache import is_written_in_place


class TracedModel:
    """What scoring and generating ask of a `LanguageModel`, with stored weights.

    Tracing a deep model takes seconds, and its graph is large. Here each way of reading is one
    TensorFlow function, which the others call. The weights are among its arguments: they are
    widened once in a call of the SavedModel, outside of its loops.

    Args:
        model: A built `LanguageModel`. Its own weights are not used.
        weights: `StoredWeights`.

    Attributes:
        vocab_size: The model's.
        context_length: The model's.
        width: Of the model's features.
    """

    def __init__(self, model, weights):
        self._model = model
        self._stored = weights
        self._tensors = None
        self.vocab_size = model.vocab_size
        self.context_length = model.context_length
        self._state_specs, self.width = self._described(model)
        self._readings = {}

    def _described(self, model):
        """Returns the specs of the model's state, and the width of its features."""
        state, features = state_specs(model)
        return state.model_state, features.shape[-1]

    @contextlib.contextmanager
    def widened(self):
        """Makes the weights ready for what is traced inside: enter it outside of loops."""
        self._tensors = self._stored.widened()
        try:
            yield
        finally:
            self._tensors = None

    def initial_state(self, batch_size, num_slots=None):
        """As `LanguageModel.initial_state`."""
        return self._model.initial_state(batch_size, num_slots)

    def features(self, token_ids, state, lengths=None):
        """As `LanguageModel.features`."""
        one = 1 if token_ids.shape[1] == 1 else None  # a single token needs no loop over time
        reading = self._reading(one, lengths is not None)
        return reading(self._weights(), token_ids, state, *([] if lengths is None else [lengths]))

    def logits(self, features):
        """As `LanguageModel.logits`."""
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
            self._state_specs,
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
    """Takes the marks of gradients of our own off the graph that is being traced.

    They are not saved, and who loads the SavedModel would be warned of each.
    """
    for operation in tf.compat.v1.get_default_graph().get_operations():
        if "_gradient_op_type" in operation.node_def.attr:
            operation._clear_attr("_gradient_op_type")
