"""The functions of an exported language model, as a caller sees them: strings in and out."""

import tensorflow as tf

from lm_zoo.export.in_graph.token_texts import token_texts
from lm_zoo.export.in_graph.traced_model import IDS, ROWS
from lm_zoo.tasks.language_modeling.exported_generation import InGraphGenerator
from lm_zoo.tasks.language_modeling.exported_scores import InGraphScorer


class LanguageModelFunctions:
    """Functions of tensors, to be traced with the inputs that `PREDICTIONS` says.

    Args:
        model: A `TracedModel`.
        preprocessors: The `Tokenizer` of `text`.
        in_graph: The same as a module of TensorFlow.
        limits: Most tokens of a `text` that is a prompt, or None.
    """

    def __init__(self, model, preprocessors, in_graph, limits):
        tokenizer, self._tokenizer = preprocessors["text"], in_graph["text"]
        start = tokenizer.start_ids, tokenizer.starts_prompts
        self._model = model
        self._scorer = InGraphScorer(model, *start)
        self._generator = InGraphGenerator(
            model, self._tokenizer, tokenizer.eos_id, *start, limits["text"]
        )
        self._token_texts = token_texts(tokenizer)

    def auxiliary(self, name):
        """Returns the `tf.function` that a prediction has beside its signature."""
        if name == "score_ids":
            return self._model.compiled(self._scorer.score_ids, [IDS, ROWS])
        function = getattr(self._generator, name)
        return self._model.compiled(function, self._generator.signature(name))

    def score(self, text):
        """Strings `(batch,)` -> `log_prob` in nats, `num_tokens` and `perplexity` of each."""
        with self._model.widened():
            return self._scorer.score(self._tokenizer.tokenize(text))

    def token_logprobs(self, text):
        """Strings `(batch,)` -> the `tokens` of all, their `log_probs`, and `row_lengths`."""
        token_ids = self._tokenizer.tokenize(text)
        with self._model.widened():
            log_probs = self._scorer.token_log_probs(token_ids)
        return {
            "tokens": self._token_texts(token_ids.flat_values),
            "log_probs": log_probs,
            "row_lengths": tf.cast(token_ids.row_lengths(), tf.int32),
        }

    def next_token(self, text, k):
        """Strings `(batch,)` -> the k likeliest `tokens` after each, and their `log_probs`."""
        with self._model.widened():
            tokens, log_probs = self._scorer.next_token(self._tokenizer.tokenize(text), k)
        return {"tokens": self._token_texts(tokens), "log_probs": log_probs}

    def generate(self, prompt, *settings):
        """Continues prompts; `settings` are those of `InGraphGenerator.generate`, in its order."""
        with self._model.widened():
            return self._generator.generate(prompt, *settings)

    def embed(self, text):
        """Strings `(batch,)` -> `vector`: the mean of the model's features over the tokens."""
        with self._model.widened():
            return {"vector": self._scorer.embed(self._tokenizer.tokenize(text))}
