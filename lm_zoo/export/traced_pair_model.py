"""A model that reads sources, traced once for all functions of a SavedModel."""

import tensorflow as tf

from lm_zoo.export.traced_model import TracedModel

IDS, ROWS = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)


class TracedPairModel(TracedModel):
    """As `TracedModel`, with what scoring and translating ask of a `SequenceToSequenceModel`.

    Args:
        model: A built `SequenceToSequenceModel`. Its own weights are not used.
        weights: `StoredWeights`.

    Attributes:
        source_length: The model's.
    """

    def __init__(self, model, weights):
        super().__init__(model, weights)
        self.source_length = model.source_length

    def _described(self, model):
        def read_one(source_ids, lengths, num_slots):
            state = model.initial_state(
                tf.shape(lengths)[0], num_slots, model.encode(source_ids, lengths)
            )
            return state, model.features(source_ids[:, :1], state)[0]

        number = tf.TensorSpec((), tf.int32)
        with tf.init_scope():
            made = tf.function(read_one, autograph=False).get_concrete_function(IDS, ROWS, number)
        state, features = tf.nest.map_structure(
            lambda t: tf.TensorSpec(t.shape, t.dtype), made.structured_outputs
        )
        return state, features.shape[-1]

    def encode(self, source_ids, lengths):
        """As `SequenceToSequenceModel.encode`."""
        encoding = self._traced("encode", self._model.encode, [IDS, ROWS])
        return encoding(self._weights(), source_ids, lengths)

    @property
    def source_width(self):
        """Of the encoder's vectors."""
        return self._encoder().structured_outputs.shape[-1]

    def source_features(self, source_ids, lengths):
        """As `SequenceToSequenceModel.source_features`."""
        return self._encoder()(self._weights(), source_ids, lengths)

    def _encoder(self):
        return self._traced("source_features", self._model.source_features, [IDS, ROWS])

    def initial_state(self, batch_size, num_slots=None, memory=None):
        """As `SequenceToSequenceModel.initial_state`."""
        return self._model.initial_state(batch_size, num_slots, memory)
