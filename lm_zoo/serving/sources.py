"""Sources of translations, within the server's limits."""

import numpy as np

from lm_zoo.generation.graph_beam_search import automatic_length
from lm_zoo.serving.request_error import RequestError
from lm_zoo.text.tokenizers.tokenizer import TEXT


class SourceReader:
    """Sees how long sources are, and their translations may get.

    Args:
        model: A `ServedModel`.
        limits: `ServingLimits`.
    """

    def __init__(self, model, limits):
        self._tokenizer = model.source_tokenizer
        # The graph reads the texts itself; here they are counted as it does.
        self._special_tokens = model.card.get("special_tokens", TEXT)
        self._most_new = limits.max_new_tokens
        self.most = limits.max_prompt_tokens
        limit = model.card.get("source", {}).get("max_length")
        if limit is not None:
            self.most = min(self.most, limit)

    def bounded(self, call):
        """Returns a `Call` of `translate` whose every text has a greatest length.

        Raises:
            RequestError: If a source is too long.
        """
        texts, asked = call.inputs["text"], call.inputs["max_length"]
        lengths = np.array([self._length(text.decode("utf-8")) for text in texts], np.int32)
        automatic = np.minimum(automatic_length(lengths), self._most_new)
        longest = np.where(asked > 0, asked, automatic).astype(np.int32)
        return call._replace(inputs=call.inputs | {"max_length": longest}).with_steps()

    def _length(self, text):
        length = len(self._tokenizer.encode(text, self._special_tokens)) + 1  # its end
        if length > self.most:
            raise RequestError(
                f"text: expected at most {self.most:,} tokens, its end included, received "
                f"{length:,}; shorten it.",
                param="text",
                code="context_length_exceeded",
            )
        return length
