"""How the export of a language model is verified: prompts too, and texts that rounding decides."""

import functools
import math

import numpy as np
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.export.verification.comparison import (
    TOLERANCE,
    check_equal,
    compare,
    different,
)
from lm_zoo.export.verification.parity import Choices, Parity
from lm_zoo.export.verification.sample_records import EXAMPLE, HARD, PLAIN
from lm_zoo.generation import GenerationOptions, generate

LONG = 600  # tokens: more than are read at once
SHORT, MEDIUM = 6, 40  # tokens
MAX_NEW_TOKENS = 32  # by which each prompt is continued
MAX_NEXT_TOKENS = 5  # tokens after each prompt


class LanguageModelParity(Parity):
    """`Parity` of language models: greedy texts are generated in one call and step by step, as
    servers do."""

    @property
    def tokenizer(self):
        """The run's tokenizer."""
        return self.task.preprocessors["text"]

    @functools.cached_property
    def held_out(self):
        """The beginning of the run's validation text, "" where it has none."""
        most = 2 * (self.run.model.context_length or 1000)
        try:
            return self.tokenizer.decode(self.run.tokens("validation").read(0, most))
        except UserError:
            return ""

    @functools.cached_property
    def records(self):
        return {"text": sample_texts(self.tokenizer, self.held_out, self.run.model.context_length)}

    @functools.cached_property
    def prompts(self):
        """Prompts to continue."""
        return sample_prompts(self.tokenizer, self.held_out, self.limits["text"])

    def texts(self, name):
        return {"text": self.prompts} if name in ("generate", "next_token") else self.records

    def example(self, name):
        prediction = self.task.predictions[name]
        settings = prediction.example
        if "k" in settings:
            settings = settings | {"k": min(settings["k"], self.run.model.vocab_size)}
        return self.inputs(name, {"text": [example_text(self.prompts)]}, **settings)

    def calls(self, name):
        if name == "next_token":
            k = min(MAX_NEXT_TOKENS, self.run.model.vocab_size)
            return [(name, self.inputs(name, self.texts(name), k=k))]
        if name != "generate":
            return super().calls(name)
        eos_id = -1 if self.tokenizer.eos_id is None else self.tokenizer.eos_id
        longest = max(map(len, self._prompt_ids()))
        steps = {
            "prompts": self.prompts,
            "max_new_tokens": MAX_NEW_TOKENS,
            "num_slots": min(longest + MAX_NEW_TOKENS, self.limits["text"] or math.inf),
            "eos_id": eos_id,
        }
        greedy = {"max_new_tokens": MAX_NEW_TOKENS, "temperature": 0.0}
        inputs = self.inputs(name, self.texts(name), **greedy)
        return [(name, inputs), ("continue_greedily", steps)]

    def check(self, name, calls, found, report):
        if name == "next_token":
            report.largest_difference[name] = self._check_next(calls[0][1], found[0])
        elif name == "generate":
            report.choices[name] = Choices("greedy texts", len(self.prompts))
            report.largest_difference[name] = self._check_generated(*found, report.choices[name])
        else:
            super().check(name, calls, found, report)

    def _prompt_ids(self):
        return [self.tokenizer.encode_prompt(p, self.special_tokens) for p in self.prompts]

    def _check_next(self, inputs, found):
        own, largest = self.answer("next_token", inputs), 0.0
        check_equal("next_token", self.prompts, len(found["tokens"]), len(self.prompts))
        for row, prompt in enumerate(self.prompts):
            log_probs = own["log_probs"][row]
            difference = compare("next_token", prompt, found["log_probs"][row], log_probs)
            largest = max(largest, difference)
            apart = np.diff(log_probs, prepend=np.inf, append=-np.inf)
            certain = np.minimum(-apart[:-1], -apart[1:]) > 2 * TOLERANCE  # neighbours may swap
            for given, piece, is_certain in zip(found["tokens"][row], own["tokens"][row], certain):
                if is_certain and given != piece:
                    raise different("next_token", prompt, repr(given), repr(piece))
        return largest

    def _check_generated(self, found, steps, choices):
        options = GenerationOptions(
            temperature=0, max_new_tokens=MAX_NEW_TOKENS, special_tokens=self.special_tokens
        )
        expected, largest = generate(self.run.model, self.tokenizer, self.prompts, options), 0.0
        for row, (prompt_ids, result) in enumerate(zip(self._prompt_ids(), expected, strict=True)):
            tokens = [token for token in steps["tokens"][row].tolist() if token >= 0]
            if self.is_tie(prompt_ids, tokens, result.token_ids):
                choices.tied += 1
                continue
            own = (result.token_ids, result.text, len(result.token_ids))
            text, count = found["text"][row].decode("utf-8"), found["num_tokens"][row]
            for given, right in zip((tokens, text, count), own, strict=True):
                check_equal("generate", result.prompt, given, right)
            choices.equal += 1
            difference = compare("generate", result.prompt, found["log_prob"][row], result.log_prob)
            largest = max(largest, difference)
        return largest

    def is_tie(self, prompt_ids, given, own):
        """Whether two texts part at tokens of the same probability, before the context slides."""
        model = self.run.model
        parted = [i for i, (a, b) in enumerate(zip(given, own)) if a != b]
        read = [*prompt_ids, *own[: parted[0]]] if parted else []
        if not parted or len(read) > (model.context_length or len(read)):
            return False
        log_probs = tf.nn.log_softmax(model(tf.constant([read], tf.int32))[0, -1]).numpy()
        difference = log_probs[given[parted[0]]] - log_probs[own[parted[0]]]
        return abs(float(difference)) <= TOLERANCE


def sample_texts(tokenizer, held_out, context_length=None):
    """Returns texts to score: hard ones, and held-out text short, longer, and beyond the context.

    Args:
        tokenizer: The run's tokenizer.
        held_out: Some of its held-out text; "" is plain English instead.
        context_length: The most tokens that the model holds, or None.
    """
    longest = LONG if context_length is None else context_length + context_length // 2 + 1
    ids = _token_ids(tokenizer, held_out, longest)
    cuts = (ids[:SHORT], ids[SHORT:MEDIUM], ids[:longest])
    return [*HARD, *(tokenizer.decode(cut) for cut in cuts)]


def sample_prompts(tokenizer, held_out, max_length=None):
    """Returns prompts to continue; after one of them the context is soon full.

    Args:
        tokenizer: The run's tokenizer.
        held_out: Some of its held-out text; "" is plain English instead.
        max_length: Most tokens of a prompt, or None.
    """
    longest = max(1, (max_length or MEDIUM) - 4)
    ids = _token_ids(tokenizer, held_out, longest)
    prompts = [tokenizer.decode(cut) for cut in (ids[:1], ids[:SHORT], ids[:longest])]
    fitting = [
        prompt
        for prompt in dict.fromkeys(prompts)
        if prompt and (max_length is None or len(tokenizer.encode_prompt(prompt)) <= max_length)
    ]
    return ["", *fitting] if len(tokenizer.start_ids) else fitting or prompts[:1]


def example_text(prompts):
    """Returns the longest of the prompts that is easily shown, or else the shortest."""
    shown = [prompt for prompt in prompts if 0 < len(prompt) <= EXAMPLE]
    return max(shown, key=len) if shown else min(prompts, key=len)


def _token_ids(tokenizer, text, count):
    """Returns the tokens of a text, repeated until there are enough of them."""
    text = text or PLAIN + HARD[-1]
    ids = tokenizer.encode(text)
    if len(ids) < count:
        ids = tokenizer.encode(text * (1 + count // max(1, len(ids))))
    return ids
