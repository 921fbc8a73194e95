"""Calls of the model's signatures, those of concurrent requests together."""

import asyncio
import functools
import re

import numpy as np
import tensorflow as tf

from lm_zoo.generation.options import GenerationOptions
from lm_zoo.generation.random_keys import draws
from lm_zoo.limits import MOST_TOKENS
from lm_zoo.serving.batcher import Batcher
from lm_zoo.serving.growth import Growth
from lm_zoo.serving.request_error import RequestError
from lm_zoo.serving.text_lengths import TextLengths
from lm_zoo.serving.translation_lengths import bounded

GENERATE, TRANSLATE = "generate", "translate"


class Predictor:
    """Answers calls of the signatures of a model.

    `generate` is done by the engine, with the same result: there texts join and end one by one, and
    one that no one waits for any more is given up.

    Args:
        model: A `ServedModel`.
        engine: An `Engine`, or None for a model that does not generate.
        reader: A `PromptReader`.
        limits: `ServingLimits`.
        max_batch_size: Most texts in one call of the model.
        wait_seconds: How long a request waits for others.
        metrics: `Metrics`.
    """

    def __init__(self, model, engine, reader, limits, max_batch_size, wait_seconds, metrics):
        self._tokenizer = model.tokenizer
        self._engine = engine
        self._reader = reader
        self._text_lengths = TextLengths(model, limits)
        self._limits = limits
        self._max_batch_size = max_batch_size
        self._batchers = {
            name: Batcher(
                name,
                functools.partial(_call, signature),
                max_batch_size,
                wait_seconds,
                limits.max_queue,
                metrics,
            )
            for name, signature in model.signatures.items()
            if name != GENERATE
        }

    async def predict(self, signature, call):
        """Returns the outputs of a `Call`, name -> numpy array.

        Args:
            signature: A `Signature`.
            call: What it is called with.

        Raises:
            RequestError: If a text is too long, too much waits already, or the model refuses the
                input.
        """
        if signature.name == GENERATE:
            return await self._generate(call)
        if not len(call.lengths):
            call = await self.counted(signature.name, call)
        if signature.name == TRANSLATE:
            call = bounded(call, self._limits.max_new_tokens)
        parts = call.parts(self._max_batch_size, MOST_TOKENS)
        results = await self._batchers[signature.name].submit(parts)
        if len(results) == 1:
            return results[0]
        return {name: np.concatenate([result[name] for result in results]) for name in results[0]}

    async def counted(self, signature, call):
        """Returns a call with the lengths of its texts, which are within the limits."""
        lengths = await asyncio.to_thread(self._text_lengths.of, signature, call)
        return call._replace(lengths=lengths)

    async def _generate(self, call):
        prompts = [prompt.decode("utf-8") for prompt in call.inputs["prompt"]]
        read = await asyncio.to_thread(lambda: [self._reader.read(prompt) for prompt in prompts])
        growth = Growth(self._engine, self._tokenizer)
        options = [_options(call, row) for row in range(len(read))]
        firsts = draws((tuple(ids), each.seed) for (_, ids), each in zip(read, options))
        for (_, token_ids), draw, each in zip(read, firsts, options):
            growth.add(token_ids, draw, each)
        try:
            growth.begin()
            async for _ in growth.follow():
                pass
        finally:
            growth.cancel()
        return {
            "text": np.array([text.text.encode("utf-8") for text in growth.texts], object),
            "log_prob": np.array([text.log_prob for text in growth.texts], np.float32),
            "num_tokens": np.array([text.num_tokens for text in growth.texts], np.int32),
        }

    def close(self):
        """Ends the threads."""
        for batcher in self._batchers.values():
            batcher.close()


def _options(call, row):
    """Returns the `GenerationOptions` of one row."""
    values = {name: value[row] for name, value in call.inputs.items()}
    return GenerationOptions(
        max_new_tokens=int(values["max_new_tokens"]),
        temperature=float(values["temperature"]),
        top_k=int(values["top_k"]),
        top_p=float(values["top_p"]),
        seed=int(values["seed"]),
        stop=tuple(stop.decode("utf-8") for stop in values["stop"] if stop),
    )


def _call(signature, calls):
    """Calls a signature once for several `Call`s of the same key."""
    try:
        outputs = signature.evaluate(signature.join(calls))
    except tf.errors.InvalidArgumentError as error:
        raise RequestError(_reason(error.message)) from None
    return signature.split(outputs, [call.rows for call in calls])


def _reason(message):
    """What a graph's own check says of an input, without where it stands in the graph."""
    found = re.search(r"assertion failed: ((?:\[[^\]]*\] ?)+)", str(message))
    if not found:
        return "the model refused the input."
    return " ".join(found[1].replace("[", "").replace("]", "").split()) + "."
