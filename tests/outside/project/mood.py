"""A task of a user's: the mood of a text, from the mean of a language model's features."""

import keras
import numpy as np
import tensorflow as tf

from lm_zoo.data.batching.bucketed_batches import BucketedBatches
from lm_zoo.data.fields import Field
from lm_zoo.layers.dense import Dense
from lm_zoo.layers.token_losses import token_nll
from lm_zoo.models.model_summary import ModelSummary
from lm_zoo.tasks.prediction import Input, Prediction
from lm_zoo.tasks.task import Sums, Task


@keras.saving.register_keras_serializable(package="mood")
class MeanHead(ModelSummary, keras.Model):
    """Logits of moods, float32 `(batch, moods)`."""

    def __init__(self, backbone, num_moods, **kwargs):
        super().__init__(**kwargs)
        self.backbone, self.num_moods = backbone, num_moods
        self.vocab_size, self.context_length = backbone.vocab_size, backbone.context_length
        self.projection = Dense(num_moods, kernel_initializer="zeros", name="projection")

    def build(self, input_shape=None):
        self.projection.build((None, self.backbone.hidden_dim))

    def call(self, token_ids, lengths, training=False):
        features = self.backbone.features_of_texts(token_ids, lengths, training)  # (B, T, W)
        inside = tf.sequence_mask(lengths, tf.shape(token_ids)[1])[..., None]  # (B, T, 1)
        total = tf.reduce_sum(tf.where(inside, features, 0.0), 1)
        return self.projection(total / tf.cast(tf.maximum(lengths, 1), tf.float32)[:, None])

    def get_config(self):
        backbone = keras.saving.serialize_keras_object(self.backbone)
        return super().get_config() | {"backbone": backbone, "num_moods": self.num_moods}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config.pop("backbone")), **config)


def mood_of(run, text):
    """Returns the `mood` of each text and its `log_prob`."""
    tokenizer, moods, found = run.task.preprocessors["text"], run.task.moods, []
    for one in text:
        ids = tf.constant([[*tokenizer.encode(one), tokenizer.end_id]], tf.int32)
        found.append(tf.nn.log_softmax(run.model(ids, tf.shape(ids)[1:]))[0].numpy())
    return {"mood": [moods[np.argmax(row)] for row in found], "log_prob": [max(r) for r in found]}


class MoodFunctions:
    """The same inside a SavedModel."""

    def __init__(self, model, preprocessors, in_graph, limits):
        model.add("call", [tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)])
        self._model, self._tokenizer = model, in_graph["text"]
        self._end, self._moods = preprocessors["text"].end_id, preprocessors["mood"].labels

    def mood_of(self, text):
        ids = self._tokenizer.tokenize(text)
        ids = tf.concat([ids, tf.fill([ids.nrows(), 1], self._end)], 1)
        with self._model.widened():
            logits = self._model.call(ids.to_tensor(), tf.cast(ids.row_lengths(), tf.int32))
        moods = tf.gather(tf.constant(self._moods), tf.argmax(logits, 1))
        return {"mood": moods, "log_prob": tf.reduce_max(tf.nn.log_softmax(logits), 1)}


class Mood(Task):
    """Predicts the mood of a text."""

    name = "mood"
    fields = (Field("text"), Field("mood", "label"))
    figures = ("correct",)
    monitors = {"loss": min, "accuracy": max}
    functions_class = MoodFunctions
    predictions = {
        "mood_of": Prediction(
            inputs=(Input("text", "string", field="text", ends=True, help="Texts."),),
            outputs={"mood": "equal", "log_prob": "log_prob"},
            answer=mood_of,
            function="mood_of",
            help="The likeliest mood of each text.",
        )
    }

    @property
    def moods(self):
        return self.preprocessors["mood"].labels

    def model_arguments(self):
        return {"vocab_size": self.preprocessors["text"].vocab_size}

    def with_head(self, model):
        head = MeanHead(model, len(self.moods), name=model.name)
        head.build()
        return head

    def batches(self, split, model, training=True, batch_size=None):
        size = batch_size or self.config.data.batch_size
        return BucketedBatches(split.fields, ("text",), size, seed=self.config.seed)

    def sums(self, model, features, state, training):
        lengths, moods = features["text_lengths"], features["mood"][:, 0] - 1  # (B,)
        logits = model(features["text"], lengths, training=training)  # (B, moods)
        counts = tf.cast(lengths > 0, tf.float32)  # not the rows that fill up a batch
        nll = token_nll(logits, tf.maximum(moods, 0)) * counts
        correct = tf.cast(tf.argmax(logits, 1, tf.int32) == moods, tf.float32) * counts
        return Sums(nll, counts, {"correct": correct}), state

    def curves(self, totals, batches):
        loss, accuracy = totals["objective"], totals["correct"]
        return {"loss": loss / totals["weight"], "accuracy": accuracy / totals["weight"]}
