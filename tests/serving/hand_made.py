"""A SavedModel of a task that no one has heard of, with the card that makes it servable."""

import json

import tensorflow as tf

from lm_zoo.files import checksums
from lm_zoo.tasks.prediction import CARD_VERSION, Input, Prediction
from lm_zoo.text.tokenizers import ByteTokenizer

REVERSE = Prediction(
    inputs=(
        Input("line", "string", field="line", ends=True, help="Texts to turn around."),
        Input("tone", "string", "plain", choices=("plain", "loud"), help="How to say it."),
        Input("k", "int32", 2, each="call", at_least=1, at_most=9, help="How many <labels>."),
    ),
    outputs={"labels": "equal", "log_probs": "log_prob"},
    help="Each text backwards, then its beginnings.",
)


class Reverser(tf.Module):
    """What a SavedModel of the prediction `reverse` computes."""

    @tf.function(
        input_signature=[
            tf.TensorSpec((None,), tf.string, name="line"),
            tf.TensorSpec(None, tf.string, name="tone"),
            tf.TensorSpec(None, tf.int32, name="k"),
        ]
    )
    def reverse(self, line, tone, k):
        letters = tf.strings.unicode_split(line, "UTF-8")
        backwards = tf.strings.reduce_join(tf.reverse(letters.to_tensor(""), [1]), -1)
        is_loud = tf.broadcast_to(tf.equal(tone, "loud"), tf.shape(line))
        backwards = tf.where(is_loud, tf.strings.upper(backwards, "utf-8"), backwards)
        ranks = tf.range(tf.reshape(k, [-1])[0])
        shape = (tf.size(backwards), tf.size(ranks))
        numbers = tf.broadcast_to(tf.strings.as_string(ranks)[None], shape)
        labels = tf.strings.join([tf.broadcast_to(backwards[:, None], shape), numbers], "-")
        log_probs = -tf.cast(ranks + 1, tf.float32)[None] * tf.ones_like(labels, tf.float32)
        return {"labels": labels, "log_probs": log_probs}


def card_of(**changes):
    """Returns the card of the hand-made model."""
    return {
        "format_version": CARD_VERSION,
        "task": "turning_around",
        "model": "none",
        "saved_model_needs": "",
        "special_tokens": "text",
        "fields": {"line": {"kind": "text", "shares": "", "max_length": 12}},
        "predictions": {"reverse": REVERSE.to_dict()},
    } | changes


def write(folder, card):
    """Writes the model with a card to `folder/1`."""
    module = Reverser()
    path = folder / "1"
    tf.saved_model.save(module, str(path), signatures={"reverse": module.reverse})
    ByteTokenizer().save(path / "fields" / "line" / "tokenizer")
    (path / "model_card.json").write_text(json.dumps(card), encoding="utf-8")
    checksums.write(path)
    return folder
