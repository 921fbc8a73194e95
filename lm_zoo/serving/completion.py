"""One request for completions on its way: its texts, and the JSON made of them."""

import secrets
import time

from lm_zoo.generation.random_keys import draws
from lm_zoo.serving.growing_text import Piece
from lm_zoo.serving.logprobs import LogprobsWriter

FINISH_REASONS = {"eos": "stop", "stop": "stop", "length": "length"}


class Completion:
    """A request that is being answered.

    Args:
        model_name: What the client calls the model.
        tokenizer: Makes text of tokens.
        wanted: A `CompletionRequest`.
        prompts: `(text, token_ids)` of each prompt.
        growth: An empty `Growth`, which gets the texts.
        deadline: When to give up, in the event loop's time.

    Attributes:
        prompt_tokens: The `NewToken`s of each prompt, once they are scored.
    """

    def __init__(self, model_name, tokenizer, wanted, prompts, growth, deadline):
        self.wanted = wanted
        self.prompts = prompts
        self.prompt_tokens = [[] for _ in prompts]
        self.growth = growth
        self.deadline = deadline
        self._tokenizer = tokenizer
        self._model_name = model_name
        self._id = f"cmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())
        options = wanted.options()
        firsts = draws((tuple(token_ids) for _, token_ids in prompts), wanted.n)
        for (_, token_ids), first in zip(prompts, firsts):
            for sample in range(wanted.n):
                growth.add(token_ids, first + sample, options, wanted.logprobs or 0)
        each = [prompt for prompt in prompts for _ in range(wanted.n)]
        self._writers = [self._writer(prompt) for prompt in each]
        # Where the texts end so far, in characters from the beginning of the prompt.
        self._ends = [0 if wanted.echo else len(text) for text, _ in each]

    def echoes(self):
        """Returns what stands before each text's own pieces: the prompt, or nothing."""
        if not self.wanted.echo:
            return [Piece("", [])] * len(self.growth.texts)
        return [
            Piece(text, tokens if text else [])
            for (text, _), tokens in zip(self.prompts, self.prompt_tokens, strict=True)
            for _ in range(self.wanted.n)
        ]

    async def follow(self):
        """Yields `(index, pieces, reason)` as the texts grow; a reason comes with the last."""
        if not self.wanted.max_tokens:
            return
        async for index, pieces, done in self.growth.follow(self.deadline):
            text = self.growth.texts[index]
            yield index, pieces, FINISH_REASONS[text.finished_by] if done else None

    def choice(self, index, pieces, reason=None, is_end=False):
        """Returns a choice's JSON.

        Args:
            index: Which text.
            pieces: Its next pieces.
            reason: Why it ended, or None while it goes on.
            is_end: Whether these are its last pieces.
        """
        text, entries = "".join(piece.text for piece in pieces), []
        wants_logprobs = self.wanted.logprobs is not None
        for place, piece in enumerate(pieces, 1):
            self._ends[index] += len(piece.text)
            if wants_logprobs:
                stopped = self.growth.texts[index].finished_by == "stop"
                cut = is_end and stopped and place == len(pieces)
                end = self._ends[index] if cut else None
                entries += self._writers[index].write(piece.tokens, end)
        return {
            "text": text,
            "index": index,
            "logprobs": self._writers[index].as_object(entries) if wants_logprobs else None,
            "finish_reason": reason,
        }

    def body(self, choices):
        """Returns the JSON around some choices."""
        return {
            "id": self._id,
            "object": "text_completion",
            "created": self._created,
            "model": self._model_name,
            "choices": choices,
        }

    def usage(self):
        """Returns the counts of tokens."""
        prompt = sum(len(token_ids) for _, token_ids in self.prompts)
        generated = sum(text.num_tokens for text in self.growth.texts)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": generated,
            "total_tokens": prompt + generated,
        }

    def _writer(self, prompt):
        text, token_ids = prompt
        if self.wanted.echo and text:
            return LogprobsWriter(self._tokenizer, self.wanted.logprobs)
        return LogprobsWriter(self._tokenizer, self.wanted.logprobs, token_ids, len(text))
