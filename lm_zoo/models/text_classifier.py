"""A head on a language model that says which of several labels a text has."""

import keras
import tensorflow as tf

from lm_zoo.layers.configurable import Configurable
from lm_zoo.layers.dense import Dense
from lm_zoo.layers.dropout import Dropout
from lm_zoo.layers.initializers import derive_seed, glorot
from lm_zoo.models.arguments import require, require_at_least
from lm_zoo.models.model_summary import ModelSummary, SummaryRow

POOLINGS = ("mean", "last")


@keras.saving.register_keras_serializable(package="lm_zoo")
class TextClassifier(Configurable, ModelSummary, keras.Model):
    """The features of a language model, pooled over a text, and a layer for the labels' logits.

    The backbone's own output layer stands by: it takes no part in the loss and stays as it is.

    Args:
        backbone: A built `LanguageModel`; the classifier computes in its dtype.
        num_classes: Number of labels.
        pooling: `mean` of the features of all tokens, or those of the `last` token, which has read
            all before it.
        dropout: Share of the pooled features that is dropped in training.
        seed: Of the initial weights, and of dropout under plain `fit`; None draws anew each time.

    Call arguments:
        token_ids: Integers, shape `(batch, length)`.
        lengths: How many tokens of each row count, int32 `(batch,)`, where rows are padded on the
            right; None means all.

    Returns:
        Logits, float32 `(batch, num_classes)`.
    """

    def __init__(self, backbone, num_classes, pooling="mean", dropout=0.0, seed=None, **kwargs):
        require_at_least(2, num_classes=num_classes)
        require(pooling in POOLINGS, "pooling", " or ".join(POOLINGS), pooling)
        super().__init__(dtype=backbone.dtype_policy, **kwargs)
        self.set_arguments(locals())
        self.vocab_size = backbone.vocab_size
        self.pooled_dropout = Dropout(
            dropout, derive_seed(seed, "pooled_dropout"), name="pooled_dropout"
        )
        self.label_projection = Dense(
            num_classes,
            kernel_initializer=glorot(seed, "label_projection"),
            name="label_projection",
            dtype="float32",  # few numbers, which the loss hangs on
        )

    @property
    def context_length(self):
        """Most tokens of a text, or None for any number."""
        return self.backbone.context_length

    @context_length.setter
    def context_length(self, value):
        self.backbone.context_length = value

    def build(self, input_shape=None):
        width = self.backbone.features_of_texts(tf.zeros((1, 1), tf.int32)).shape[-1]
        self.pooled_dropout.build((None, width))
        self.label_projection.build((None, width))
        self.built = True

    def call(self, token_ids, lengths=None, training=False):
        token_ids = tf.cast(token_ids, tf.int32)
        if lengths is None:
            lengths = tf.fill([tf.shape(token_ids)[0]], tf.shape(token_ids)[1])
        features = self.backbone.features_of_texts(token_ids, lengths, training)  # (B, T, W)
        return self.logits(features, lengths, training)

    def logits(self, features, lengths, training=False):
        """Returns the labels' float32 logits `(batch, num_classes)` from a text's features."""
        pooled = self.pooled_dropout(self.pool(features, lengths), training=training)
        return self.label_projection(pooled)

    def pool(self, features, lengths):
        """Returns float32 `(batch, width)`; zeros for a text without tokens."""
        features = tf.cast(features, tf.float32)
        inside = tf.sequence_mask(lengths, tf.shape(features)[1])[..., None]  # (B, T, 1)
        features = tf.where(inside, features, 0.0)
        if self.pooling == "last":
            last = tf.maximum(lengths - 1, 0)
            return tf.gather(features, last, batch_dims=1)
        count = tf.cast(tf.maximum(lengths, 1), tf.float32)
        return tf.reduce_sum(features, 1) / count[:, None]

    def describe(self, sequence_length):
        width = self.label_projection.kernel.shape[0]
        weights = width * self.num_classes
        head = SummaryRow("label_projection", weights + self.num_classes, 2 * weights)
        return (*self.backbone.describe(sequence_length), head)

    @property
    def num_parameters(self):
        return sum(part.num_parameters for part in self.describe(1))

    def get_config(self):
        backbone = keras.saving.serialize_keras_object(self.backbone)
        return super().get_config() | {"backbone": backbone}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        backbone = dict(config.pop("backbone"))
        backbone["config"] = backbone["config"] | {"dtype": config.pop("dtype")}
        backbone = keras.saving.deserialize_keras_object(backbone)
        if not backbone.built:
            backbone.build((None, None))
        return cls(backbone, **config)
