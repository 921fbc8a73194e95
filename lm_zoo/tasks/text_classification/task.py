"""Text classification: the label of a text is predicted from a language model's features of it."""

import tensorflow as tf

from lm_zoo.data.batching.bucketed_batches import BucketedBatches
from lm_zoo.errors import UserError
from lm_zoo.layers.token_losses import row_losses
from lm_zoo.models.sequence_to_sequence import SequenceToSequenceModel
from lm_zoo.models.text_classifier import TextClassifier
from lm_zoo.tasks.task import Sums, Task
from lm_zoo.tasks.text_classification.arguments import FIELDS, MONITORS, Arguments
from lm_zoo.tasks.text_classification.predictions import PREDICTIONS
from lm_zoo.tasks.text_classification.report import ClassificationReport


class TextClassification(Task):
    """Predicts which of a closed set of labels a text has."""

    name = "text_classification"
    fields = FIELDS
    figures = ("nll", "correct", "tokens")
    counts = ("labelled", "predicted", "hits")
    shown = ("loss", "accuracy")
    monitors = MONITORS
    Arguments = Arguments
    predictions = PREDICTIONS
    functions_class = "lm_zoo.tasks.text_classification.exported:ClassificationFunctions"

    @property
    def tokenizer(self):
        return self.preprocessors["text"]

    @property
    def labels(self):
        """The labels; label i is class i."""
        return self.preprocessors["label"].labels

    @classmethod
    def check_model_class(cls, name, model_class):
        if issubclass(model_class, SequenceToSequenceModel):
            raise UserError(
                f"config.model.name: the task {cls.name} needs a language model for its features "
                f"(`lm-zoo list models`); received {name}, which reads a source and writes a "
                "target."
            )

    def model_arguments(self):
        return {"vocab_size": self.tokenizer.vocab_size}

    def with_head(self, model):
        if len(self.labels) < 2:
            raise UserError(
                "label: expected two or more labels in the training split, received only "
                f"{', '.join(map(repr, self.labels))}."
            )
        arguments = self.arguments
        head = TextClassifier(
            model,
            len(self.labels),
            pooling=arguments.pooling,
            dropout=arguments.dropout,
            seed=self.config.seed,
            name=model.name,
        )
        head.build()
        return head

    def batches(self, split, model, training=True, batch_size=None):
        arguments, config = self.arguments, self.config
        return BucketedBatches(
            split.fields,
            by=("text",),
            batch_size=batch_size or (config.data if training else config.evaluation).batch_size,
            batch_tokens=arguments.batch_tokens if training else 0,
            limits={"text": model.context_length},
            too_long=arguments.too_long if training else "truncate",
            seed=config.seed,
        )

    def sums(self, model, features, state, training):
        lengths = features["text_lengths"]  # (B,)
        logits = model(features["text"], lengths=lengths, training=training)  # (B, C)
        labels = tf.maximum(features["label"][:, 0] - 1, 0)  # (B,); token 0 is no label
        counts = tf.cast(lengths > 0, tf.float32)
        smoothing = self.arguments.label_smoothing if training else 0.0
        objective, nll, weight = row_losses(
            logits[:, None], labels[:, None], counts[:, None], smoothing
        )
        found = tf.argmax(logits, -1, tf.int32)
        correct = tf.cast(found == labels, tf.float32) * counts
        figures = {"nll": nll, "correct": correct, "tokens": tf.cast(lengths, tf.float32)}
        if not training:
            labelled, predicted = (
                tf.one_hot(ids, len(self.labels)) * counts[:, None] for ids in (labels, found)
            )
            hits = labelled * correct[:, None]
            figures |= {"labelled": labelled, "predicted": predicted, "hits": hits}
        return Sums(objective, weight, figures), state

    def curves(self, totals, batches):
        examples = totals["weight"]
        return {"loss": totals["nll"] / examples, "accuracy": totals["correct"] / examples}

    def report(self, model, split, batches, totals):
        return ClassificationReport.counted(
            self, model, split, self.curves(totals, batches), self.labels, totals
        )
