"""The functions of an exported model that translates, as a caller sees them."""

import tensorflow as tf

from lm_zoo.export.in_graph.input_tensors import compiled
from lm_zoo.export.in_graph.text_groups import within_limit
from lm_zoo.export.in_graph.token_texts import token_texts
from lm_zoo.export.in_graph.traced_model import IDS, ROWS
from lm_zoo.export.in_graph.utf8 import replacing
from lm_zoo.generation.search.beams import NOTHING
from lm_zoo.generation.search.translation_search import automatic_length, search_targets
from lm_zoo.tasks.translation.exported_scores import InGraphPairScorer
from lm_zoo.tasks.translation.predictions import PREDICTIONS

# What Python's `str.strip` takes away.
SPACES = (
    "[\\t-\\r\\x1c-\\x20\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}"
    "\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}]*"
)


class TranslationFunctions:
    """Functions of tensors, to be traced with the inputs that `PREDICTIONS` says.

    Args:
        model: A `TracedModel` of a `SequenceToSequenceModel`.
        preprocessors: The `Tokenizer`s of `source` and `target`; may be one and the same.
        in_graph: The same as modules of TensorFlow.
        limits: Most tokens of a `source` and of a `target`, their end tokens included, or None.
    """

    def __init__(self, model, preprocessors, in_graph, limits):
        self._model = model
        self._in_graph = in_graph
        self._limits = limits
        self._tokenizer = in_graph["target"]
        self._source_end_id = int(preprocessors["source"].end_id)
        self._end_id = int(preprocessors["target"].end_id)
        self._scorer = InGraphPairScorer(model, self._end_id, limits)
        self._token_texts = token_texts(preprocessors["target"])
        # One search stands in the SavedModel, whoever calls it.
        self._beams = compiled(self._search, PREDICTIONS["translate"].exported_inputs)

    def auxiliary(self, name):
        """Returns the `tf.function` that a prediction has beside its signature."""
        if name == "beams":
            return self._beams
        return self._model.compiled(self._scorer.score_ids, [IDS, ROWS, IDS, ROWS])

    def translate(self, text, *settings):
        """Translates texts by beam search; the arguments are those of `_search`.

        Returns:
            A dict: the best `text` of each source, strings `(batch,)`, and its `score`, float32
            `(batch,)`: its log-probability in nats over its number of tokens to the power of
            `length_penalty`; and the `num_return_sequences` best, best first, `texts` and
            `scores`, `(batch, num_return_sequences)`. Where there are not so many texts, empty ones
            have a score of -infinity.
        """
        found = self._beams(text, *settings)
        shape = tf.shape(found["lengths"])
        lengths = tf.reshape(found["lengths"], [-1])
        tokens = tf.reshape(found["tokens"], [tf.size(lengths), tf.shape(found["tokens"])[2]])
        rows = tf.RaggedTensor.from_tensor(tokens, lengths)
        texts = tf.reshape(replacing(self._tokenizer.detokenize(rows)), shape)
        scores = found["scores"]
        return {"text": texts[:, 0], "score": scores[:, 0], "texts": texts, "scores": scores}

    def score(self, source, text):
        """Sources and their targets, strings `(batch,)` -> `log_prob` in nats, `num_tokens` and
        `perplexity` of each target; its end is one of its tokens."""
        sources, texts = self._sources(source, "source"), self._targets(text)
        with self._model.widened():
            return self._scorer.score(texts, sources)

    def token_logprobs(self, source, text):
        """Sources and their targets, strings `(batch,)` -> the `tokens` of all targets, each one's
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

    def _search(self, text, num_beams, max_new_tokens, length_penalty, num_return_sequences):
        """Finds the best target texts of sources.

        Like `lm_zoo.generation.translate`, it returns nothing for a source of only spaces.

        Args:
            text: Sources, strings `(batch,)`.
            num_beams: Beams per source, int32 scalar; 1 is greedy.
            max_new_tokens: Maximum number of tokens per text, including its end token, int32
                `(batch,)`; 0 is twice the source's plus 20.
            length_penalty: float32 scalar.
            num_return_sequences: Texts of each source, int32 scalar.

        Returns:
            A `lm_zoo.generation.search.beams.Hypotheses` as a dictionary.
        """
        expected = "num_return_sequences: expected at most num_beams, received"
        fits = num_return_sequences <= num_beams
        check = tf.debugging.Assert(fits, [expected, num_return_sequences])
        with tf.control_dependencies([check]):
            num_return_sequences = tf.identity(num_return_sequences)
        sources = self._sources(text, "text")
        lengths = tf.cast(sources.row_lengths(), tf.int32)
        longest = tf.where(max_new_tokens > 0, max_new_tokens, automatic_length(lengths))
        if self._limits["target"] is not None:
            longest = tf.minimum(longest, self._limits["target"])
        with self._model.widened():
            found = search_targets(
                self._model,
                sources.to_tensor(),
                lengths,
                self._end_id,
                num_beams,
                longest,
                num_return_sequences,
                length_penalty,
            )
        is_blank = tf.strings.regex_full_match(text, SPACES) | (lengths == 1)
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
        token_ids = self._in_graph["source"].tokenize(text)
        end = tf.fill([token_ids.nrows(), 1], self._source_end_id)
        return within_limit(tf.concat([token_ids, end], 1), name, self._limits["source"])

    def _targets(self, text):
        """Returns the tokens of target texts, without their ends."""
        token_ids = self._tokenizer.tokenize(text)
        return within_limit(token_ids, "text", self._limits["target"], 1)
