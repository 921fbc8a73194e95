"""One request for completions on its way: its texts, and the JSON made of them."""

import secrets
import time

from lm_zoo.generation.random_keys import draws
from lm_zoo.serving.http.json_text import dump, joined
from lm_zoo.serving.inference.sequence import TextDelta
from lm_zoo.serving.openai.logprobs import LogprobsWriter

FINISH_REASONS = {"eos": "stop", "stop": "stop", "length": "length"}


class CompletionResponse:
    """A request that is being answered.

    Args:
        model_name: What the client calls the model.
        tokenizer: Makes text of tokens.
        wanted: A `CompletionRequest`.
        prompts: A `Prompt` each.
        group: An empty `SequenceGroup`, which gets the texts.
        deadline: When to give up, in the event loop's time.

    Attributes:
        prompt_tokens: The `NewToken`s of each prompt, once they are scored.
        prompt_offsets: Where each of them begins, once that is known.
    """

    def __init__(self, model_name, tokenizer, wanted, prompts, group, deadline):
        self.wanted = wanted
        self.prompts = prompts
        self.prompt_tokens = self.prompt_offsets = [[] for _ in prompts]
        self.group = group
        self.deadline = deadline
        self._tokenizer = tokenizer
        self._model_name = model_name
        self._id = f"cmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())
        firsts = draws((tuple(prompt.token_ids) for prompt in prompts), wanted.n)
        for prompt, first in zip(prompts, firsts):
            for sample in range(wanted.n):
                group.add(prompt.token_ids, first + sample, wanted.options, wanted.logprobs or 0)
        each = [prompt for prompt in prompts for _ in range(wanted.n)]
        self._writers = [self._writer(prompt) for prompt in each]
        # Where the texts end so far, in characters from the beginning of the prompt.
        self._ends = [0 if wanted.echo else len(prompt.text) for prompt in each]

    def echoes(self):
        """Returns what stands before each text's own deltas: the prompt, or nothing."""
        if not self.wanted.echo:
            return [TextDelta("", [])] * len(self.group.texts)
        return [
            TextDelta(prompt.text, *known)
            for prompt, *known in zip(
                self.prompts, self.prompt_tokens, self.prompt_offsets, strict=True
            )
            for _ in range(self.wanted.n)
        ]

    async def follow(self):
        """Yields `(index, deltas, reason)` as the texts grow; a reason comes with the last."""
        if not self.wanted.options.max_new_tokens:
            return
        async for index, deltas, done in self.group.follow(self.deadline):
            text = self.group.texts[index]
            yield index, deltas, FINISH_REASONS[text.finished_by] if done else None

    def choice(self, index, deltas, reason=None):
        """Returns a choice's JSON.

        Args:
            index: Which text.
            deltas: Its next deltas.
            reason: Why it ended, or None while it goes on.
        """
        text, entries = "".join(delta.text for delta in deltas), []
        wants_logprobs = self.wanted.logprobs is not None
        for delta in deltas:
            self._ends[index] += len(delta.text)
            if wants_logprobs:
                entries += self._writers[index].write(delta, self._ends[index])
        return {
            "text": text,
            "index": index,
            "logprobs": self._writers[index].as_object(entries) if wants_logprobs else None,
            "finish_reason": reason,
        }

    def body(self, choices):
        """Returns an event's JSON."""
        usage = {"usage": None} if self.wanted.include_usage else {}
        return self._about() | {"choices": choices} | usage

    def whole(self, choices):
        """Returns the answer with all choices, each JSON already, as bytes."""
        about, usage = dump(self._about())[1:-1], dump(self.usage())
        return f'{{{about},"choices":{joined(choices)},"usage":{usage}}}'.encode()

    def _about(self):
        return {
            "id": self._id,
            "object": "text_completion",
            "created": self._created,
            "model": self._model_name,
        }

    def usage(self):
        """Returns the counts of tokens."""
        prompt = sum(len(prompt.token_ids) for prompt in self.prompts)
        generated = sum(text.num_tokens for text in self.group.texts)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": generated,
            "total_tokens": prompt + generated,
        }

    def _writer(self, prompt):
        before = () if self.wanted.echo else (prompt.token_ids, len(prompt.text))
        return LogprobsWriter(self._tokenizer, self.wanted.logprobs, *before)
