"""The functions of an exported model that reads sources, as a caller sees them."""

import tensorflow as tf

from lm_zoo.export.pair_scoring import at_most
from lm_zoo.export.string_functions import (
    TEXT,
    token_texts,
    with_defaults,
    with_weights,
)
from lm_zoo.export.utf8 import checked_utf8, replacing
from lm_zoo.generation.graph_beam_search import NOTHING
from lm_zoo.generation.translation_options import TranslationOptions

SETTINGS = {
    "num_beams": tf.int32,
    "max_new_tokens": tf.int32,
    "length_penalty": tf.float32,
    "num_return_sequences": tf.int32,
}
DEFAULTS = {name: getattr(TranslationOptions(), name) for name in SETTINGS}
# What Python's `str.strip` takes away.
SPACES = (
    "[\\t-\\r\\x1c-\\x20\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}"
    "\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}]*"
)
SOURCE = tf.TensorSpec((None,), tf.string, name="source")
IDS, ROWS = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)


class PairFunctions:
    """Functions of tensors, each to be traced with its `input_signature`.

    Args:
        model: The `TracedPairModel` that scorer and translating use.
        tokenizer: The `Tokenizer` of target texts.
        modules: `(source, target)`: what `module_of` made of the tokenizers.
        source_end_id: The token that ends a source.
        scorer: A `PairScorer`.
        translating: A `Translating`.
        max_source_length: Most tokens of a source, its end token included, or None.
        max_length: Likewise of a target text.
    """

    def __init__(
        self,
        model,
        tokenizer,
        modules,
        source_end_id,
        scorer,
        translating,
        max_source_length=None,
        max_length=None,
    ):
        self._model = model
        self._source_tokenizer, self._tokenizer = modules
        self._source_end_id = int(source_end_id)
        self._scorer = scorer
        self._translating = translating
        self._max_source_length = max_source_length
        self._max_length = max_length
        self._end_id = translating.end_id
        self._token_texts = token_texts(tokenizer)
        self._beams = None

    def compiled(self, name):
        """Returns the `tf.function` of one of these functions, or the scorer's `score_ids`."""
        if name == "score_ids":
            return with_weights(self._model, self._scorer.score_ids, [IDS, ROWS, IDS, ROWS])
        if name in ("score", "token_logprobs"):
            return tf.function(getattr(self, name), input_signature=[TEXT, SOURCE], autograph=False)
        if name == "embed":
            return tf.function(self.embed, input_signature=[TEXT], autograph=False)
        specs = [TEXT, *(tf.TensorSpec(None, dtype, name) for name, dtype in SETTINGS.items())]
        if self._beams is None:  # one search stands in the SavedModel, whoever calls it
            self._beams = with_weights(self._model, self._search, specs)
        if name == "beams":
            return self._beams
        function = with_defaults(getattr(self, name), DEFAULTS)
        return tf.function(function, input_signature=specs, autograph=False)

    def translate(self, text, num_beams, max_new_tokens, length_penalty, num_return_sequences):
        """Translates texts by beam search.

        Args:
            text: Sources, strings `(batch,)`.
            num_beams: As in `Translating.beams`; so are the others.
            max_new_tokens: Likewise.
            length_penalty: Likewise.
            num_return_sequences: Likewise.

        Returns:
            A dict: the best `text` of each source, strings `(batch,)`, and its `score`, float32
            `(batch,)`: its log-probability in nats over its number of tokens to the power of
            `length_penalty`; and the `num_return_sequences` best, best first, `texts` and
            `scores`, `(batch, num_return_sequences)`. Where there are not so many texts, empty ones
            have a score of -infinity.
        """
        found = self._beams(text, num_beams, max_new_tokens, length_penalty, num_return_sequences)
        shape = tf.shape(found["lengths"])
        lengths = tf.reshape(found["lengths"], [-1])
        tokens = tf.reshape(found["tokens"], [tf.size(lengths), tf.shape(found["tokens"])[2]])
        rows = tf.RaggedTensor.from_tensor(tokens, lengths)
        texts = tf.reshape(replacing(self._tokenizer.detokenize(rows)), shape)
        scores = found["scores"]
        return {"text": texts[:, 0], "score": scores[:, 0], "texts": texts, "scores": scores}

    def score(self, text, source):
        """Targets and their sources, strings `(batch,)` -> `log_prob` in nats, `num_tokens` and
        `perplexity` of each target; its end is one of its tokens."""
        sources, texts = self._sources(source, "source"), self._targets(text)
        with self._model.widened():
            return self._scorer.score(texts, sources)

    def token_logprobs(self, text, source):
        """Targets and their sources, strings `(batch,)` -> the `tokens` of all targets, each one's
        end after it, their `log_probs`, and `row_lengths`."""
        sources, texts = self._sources(source, "source"), self._targets(text)
        with self._model.widened():
            log_probs = self._scorer.token_log_probs(texts, sources)
        ends = tf.fill([texts.nrows(), 1], self._end_id)
        return {
            "tokens": self._token_texts(tf.concat([texts, ends], 1).flat_values),
            "log_probs": log_probs.flat_values,
            "row_lengths": tf.cast(log_probs.row_lengths(), tf.int32),
        }

    def embed(self, text):
        """Sources `(batch,)` -> `vector`: the mean of the encoder's vectors over the tokens."""
        sources = self._sources(text, "text")
        with self._model.widened():
            return {"vector": self._scorer.embed(sources)}

    def _search(self, text, *settings):
        """Returns what `Translating.beams` finds, as a dictionary.

        As `lm_zoo.generation.translate` does, it makes nothing of a source of nothing but spaces.
        """
        sources = self._sources(text, "text")
        found = self._translating.beams(sources, *settings)
        is_blank = tf.strings.regex_full_match(text, SPACES) | (sources.row_lengths() == 1)
        lowest = tf.constant(-float("inf"))
        nothing = tf.where(tf.range(tf.shape(found.scores)[1]) == 0, 0.0, lowest)
        is_blank = is_blank[:, None]
        return {
            "tokens": tf.where(is_blank[..., None], NOTHING, found.tokens),
            "lengths": tf.where(is_blank, 0, found.lengths),
            "scores": tf.where(is_blank, nothing, found.scores),
            "log_probs": tf.where(is_blank, nothing, found.log_probs),
        }

    def _sources(self, text, name):
        """Returns the tokens of sources, each with its end."""
        token_ids = self._source_tokenizer.tokenize(checked_utf8(text, name))
        end = tf.fill([token_ids.nrows(), 1], self._source_end_id)
        return _checked(tf.concat([token_ids, end], 1), name, self._max_source_length)

    def _targets(self, text):
        """Returns the tokens of target texts, without their ends."""
        token_ids = self._tokenizer.tokenize(checked_utf8(text, "text"))
        return _checked(token_ids, "text", self._max_length, 1)


def _checked(token_ids, name, limit, more=0):
    """Returns the ids of texts after checking that each, with `more` tokens, keeps to a limit."""
    lengths = tf.cast(token_ids.row_lengths(), tf.int32)
    longest = tf.reduce_max(tf.concat([lengths, [0]], 0)) + more
    with tf.control_dependencies(at_most(name, longest, limit)):
        return tf.identity(token_ids)
