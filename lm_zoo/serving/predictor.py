"""Calls of the model's signatures, those of concurrent requests together."""

import asyncio
import functools
import re

import numpy as np
import tensorflow as tf

from lm_zoo.generation.options import GenerationOptions
from lm_zoo.generation.random_keys import draws
from lm_zoo.serving.batcher import Batcher
from lm_zoo.serving.growth import Growth
from lm_zoo.serving.request_error import RequestError
from lm_zoo.serving.signatures import Call

GENERATE, TRANSLATE = "generate", "translate"


class Predictor:
    """Answers calls of the signatures of a model.

    `generate` is done by the engine, with the same result: there texts join and end one by one, and
    one that no one waits for any more is given up.

    Args:
        model: A `ServedModel`.
        engine: An `Engine`, or None for a model that does not generate.
        reader: A `PromptReader`.
        sources: A `SourceReader`.
        max_batch_size: Most texts in one call of the model.
        wait_seconds: How long a request waits for others.
        max_queue: Most texts that wait for one signature.
        metrics: `Metrics`.
    """

    def __init__(
        self, model, engine, reader, sources, max_batch_size, wait_seconds, max_queue, metrics
    ):
        self._tokenizer = model.tokenizer
        self._engine = engine
        self._reader = reader
        self._sources = sources
        self._max_batch_size = max_batch_size
        self._batchers = {
            name: Batcher(
                name,
                functools.partial(_call, signature),
                max_batch_size,
                wait_seconds,
                max_queue,
                metrics,
            )
            for name, signature in model.signatures.items()
            if name != GENERATE
        }

    async def predict(self, signature, call, seconds):
        """Returns the outputs of a `Call`, name -> numpy array.

        Args:
            signature: A `Signature`.
            call: What it is called with.
            seconds: When to give up.

        Raises:
            TimeoutError: If it is not done in time.
            RequestError: If too much waits already, or the model refuses the input.
        """
        if signature.name == GENERATE:
            return await self._generate(call, asyncio.get_running_loop().time() + seconds)
        if signature.name == TRANSLATE:
            call = await asyncio.to_thread(self._sources.bounded, call)
        size = self._max_batch_size
        parts = [_part(call, begin, begin + size) for begin in range(0, call.rows, size)]
        async with asyncio.timeout(seconds):
            results = await self._batchers[signature.name].submit(parts)
        if len(results) == 1:
            return results[0]
        return {name: np.concatenate([result[name] for result in results]) for name in results[0]}

    async def _generate(self, call, deadline):
        prompts = [prompt.decode("utf-8") for prompt in call.inputs["prompt"]]
        read = await asyncio.to_thread(lambda: [self._reader.read(prompt) for prompt in prompts])
        growth = Growth(self._engine, self._tokenizer)
        options = [_options(call, row) for row in range(len(read))]
        firsts = draws((tuple(ids), each.seed) for (_, ids), each in zip(read, options))
        for (_, token_ids), draw, each in zip(read, firsts, options):
            growth.add(token_ids, draw, each)
        try:
            growth.begin()
            async for _ in growth.follow(deadline):
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


def _part(call, begin, end):
    """Returns some of a call's rows as a call of its own."""
    inputs = {name: value[begin:end] for name, value in call.inputs.items()}
    return Call(min(end, call.rows) - begin, call.key, inputs)


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
