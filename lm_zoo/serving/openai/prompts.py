"""Prompts as a request gives them, to token ids, within the model's and the server's limits."""

import typing

from lm_zoo.serving.http.request_error import RequestError, refused, utf8
from lm_zoo.serving.text_lengths import require_length
from lm_zoo.serving.token_ends import token_ends


class Prompt(typing.NamedTuple):
    """A prompt.

    Attributes:
        text: As it was given, or what its tokens are.
        token_ids: A list, never empty.
    """

    text: str
    token_ids: list


class PromptReader:
    """Makes token ids of prompts.

    Args:
        model: A `ServedModel` with a `generation`.
        limits: `ServingLimits`.

    Attributes:
        tokenizer: The `Tokenizer` of prompts, and of what follows them.
        max_length: Most tokens of a prompt, and of what the model's state holds; None: any number.
        most: Most tokens of a prompt by the server's limits, too.
    """

    def __init__(self, model, limits):
        (prompt,) = model.generation.required
        field = model.fields[model.generation.inputs[prompt].field]
        self.tokenizer, self.max_length = field
        self.most = min(limits.max_prompt_tokens, self.max_length or limits.max_prompt_tokens)
        self._special_tokens = model.special_tokens

    def read(self, prompt):
        """Returns the `Prompt` of a prompt that is text or token ids.

        Text is read as `Tokenizer.encode_prompt` gives it: after the model's start token, if it has
        one. Token ids are taken as they are. An empty prompt stands for the start of a text; its
        ids are `start_ids`.

        Raises:
            RequestError: If it is too long, or not text that the model can go on from.
        """
        if isinstance(prompt, str):
            token_ids = [int(token) for token in self._encode(prompt)]
            text = prompt
        else:
            token_ids = prompt
            require_length("prompt", len(token_ids), self.most)
            self._check_ids(token_ids)
            text = self.tokenizer.decode(token_ids)
        if not token_ids:
            token_ids = [int(token) for token in self.tokenizer.start_ids]
        if not token_ids:
            raise RequestError(
                "prompt: expected text, received an empty one, but this model's tokenizer has no "
                "begin token.",
                param="prompt",
            )
        require_length("prompt", len(token_ids), self.most)
        return Prompt(text, token_ids)

    def offsets(self, prompt):
        """Returns where each token of a `Prompt` begins in its text, in characters."""
        ends = token_ends(self.tokenizer, *prompt, self._special_tokens)
        return [0, *ends[:-1]]

    def _encode(self, prompt):
        utf8("prompt", prompt)
        return self.tokenizer.encode_prompt(prompt, self._special_tokens)

    def _check_ids(self, token_ids):
        size = self.tokenizer.vocab_size
        for token in token_ids:
            if not 0 <= token < size:
                raise refused("prompt", f"token ids from 0 to {size - 1}", token)
