"""Calls of the model's signatures, those of concurrent requests together."""

import asyncio
import functools
import re

import numpy as np
import tensorflow as tf

from lm_zoo.limits import MAX_TOKENS
from lm_zoo.serving.http.request_error import RequestError
from lm_zoo.serving.text_lengths import text_lengths


class Predictor:
    """Answers calls of the signatures of a model.

    Args:
        model: A `ServedModel`.
        engine: A `PredictionEngine` for the signatures that are batched by one, or None.
        limits: `ServingLimits`.
        max_batch_size: Most texts in one call of the model.
        make_batcher: Makes a `Batcher` of a name and a function.
    """

    def __init__(self, model, engine, limits, max_batch_size, make_batcher):
        self._engine = engine
        self._model = model
        self._limits = limits
        self._max_batch_size = max_batch_size
        self._batchers = {
            name: make_batcher(name, functools.partial(_call, signature))
            for name, signature in model.signatures.items()
            if signature.prediction.batching == "rows"
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
        if signature.name not in self._batchers:
            return await self._engine.predict(signature, call)
        if not len(call.lengths):
            call = await self.counted(signature, call)
        call = call.bounded(signature.inputs, self._limits.max_new_tokens)
        parts = call.parts(self._max_batch_size, MAX_TOKENS)
        results = await self._batchers[signature.name].submit(parts)
        if len(results) == 1:
            return results[0]
        return {name: np.concatenate([result[name] for result in results]) for name in results[0]}

    async def counted(self, signature, call):
        """Returns a call with the lengths of its texts, which are within the limits."""
        most = self._limits.max_prompt_tokens
        lengths = await asyncio.to_thread(text_lengths, signature, call, self._model, most)
        return call._replace(lengths=lengths)

    def close(self):
        """Ends the threads."""
        for batcher in self._batchers.values():
            batcher.close()


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
        return "the model rejected the input."
    return " ".join(found[1].replace("[", "").replace("]", "").split()) + "."
