"""A prediction that the engine answers: texts join and end one by one."""

import asyncio
import dataclasses

import numpy as np

from lm_zoo.files.json_files import NotJson
from lm_zoo.generation.options import GenerationOptions
from lm_zoo.generation.random_keys import draws
from lm_zoo.serving.inference.engine import FUNCTIONS
from lm_zoo.serving.inference.sequence_group import SequenceGroup

# Output -> what it is of the texts of a `SequenceGroup`.
OUTPUTS = {
    "text": lambda texts: np.array([text.text.encode("utf-8") for text in texts], object),
    "log_prob": lambda texts: np.array([text.log_prob for text in texts], np.float32),
    "num_tokens": lambda texts: np.array([text.num_tokens for text in texts], np.int32),
}


class PredictionEngine:
    """Answers calls of a signature as the signature itself does, by the engine.

    Abandoned requests are cancelled.

    Args:
        engine: An `Engine`.
        reader: A `PromptReader`.
    """

    def __init__(self, engine, reader):
        self._engine = engine
        self._reader = reader

    async def predict(self, signature, call):
        """Returns the outputs of a `Call`, name -> numpy array."""
        (prompt,) = signature.required
        prompts = [text.decode("utf-8") for text in call.inputs[prompt]]
        read = await asyncio.to_thread(lambda: [self._reader.read(prompt) for prompt in prompts])
        group = SequenceGroup(self._engine, self._reader.tokenizer)
        options = [_options(signature, call, row) for row in range(len(read))]
        firsts = draws((tuple(ids), each.seed) for (_, ids), each in zip(read, options))
        for (_, token_ids), draw, each in zip(read, firsts, options):
            group.add(token_ids, draw, each)
        try:
            group.begin()
            async for _ in group.follow():
                pass
        finally:
            group.cancel()
        return {name: OUTPUTS[name](group.texts) for name in signature.prediction.outputs}


def check(prediction, functions):
    """Raises a `NotJson` unless the engine can answer a `Prediction`.

    Args:
        prediction: The `Prediction`.
        functions: The restored object of its SavedModel.
    """
    options = {field.name for field in dataclasses.fields(GenerationOptions)}
    required = [each for each in prediction.inputs if each.is_required]
    if len(required) != 1 or not required[0].field:
        raise NotJson("inputs: expected one text for the engine to continue")
    for what, found, known in (
        ("inputs", [each.name for each in prediction.inputs if not each.is_required], options),
        ("outputs", prediction.outputs, OUTPUTS),
    ):
        for name in found:
            if name not in known:
                raise NotJson(f"{what}: the engine knows no {name!r:.40}")
    for name in FUNCTIONS:
        if not hasattr(functions, name):
            raise NotJson(f"the engine needs the function {name!r}, which the SavedModel lacks")


def _options(signature, call, row):
    shared, values = dict(call.key), {}
    for name, each in signature.inputs.items():
        if each.is_required:
            continue
        value = shared[name] if each.each == "call" else call.inputs[name][row]
        if each.each == "list":
            value = tuple(string.decode("utf-8") for string in value if string)
        values[name] = value if isinstance(value, tuple) else _plain(value)
    return GenerationOptions(**values)


def _plain(value):
    """Returns a numpy value, or the bytes of a string, as Python's own."""
    return value.decode("utf-8") if isinstance(value, bytes) else value.item()
