"""`POST /v1/embeddings`: the embeddings of the OpenAI API, by a signature that gives vectors."""

import asyncio
import base64

import numpy as np
from starlette.responses import Response

from lm_zoo.serving.http.connection import answer_in_time
from lm_zoo.serving.http.json_text import dump, joined
from lm_zoo.serving.http.request_error import (
    RequestError,
    refused,
    shown,
    unexpected,
    utf8,
)
from lm_zoo.serving.input_shapes import too_many_rows
from lm_zoo.serving.openai.request_fields import (
    begins_with_id,
    check_model,
    check_names,
    is_whole,
)
from lm_zoo.serving.text_lengths import require_length

NAMES = ("input", "model", "encoding_format", "dimensions", "user")
FORMATS = ("float", "base64")


class EmbeddingsEndpoint:
    """Answers requests for embeddings.

    Args:
        model: A `ServedModel`.
        signature: Its `Signature` of one text and a vector.
        predictor: A `Predictor`.
        limits: `ServingLimits`.
    """

    def __init__(self, model, signature, predictor, limits):
        self._model = model
        self._signature = signature
        (name,) = signature.required
        (self._output,) = vectors(signature)
        self._input = signature.inputs[name]
        self._tokenizer = model.fields[self._input.field].tokenizer
        self._predictor = predictor
        self._limits = limits

    async def embeddings(self, request):
        """Answers one request."""
        return await answer_in_time(request, self._limits, self._answer)

    async def _answer(self, body):
        self._check(body)
        texts = await asyncio.to_thread(self._texts, body.get("input"))
        values = {self._input.name: np.array([text.encode("utf-8") for text in texts], object)}
        call = self._signature.call(values, self._limits)
        call = await self._predictor.counted(self._signature, call)
        is_empty = call.lengths <= self._input.ends
        if is_empty.any():
            raise refused("input", "text", f"none in number {int(is_empty.argmax()) + 1}")
        outputs = await self._predictor.predict(self._signature, call)
        vectors = outputs[self._output].astype(np.float32)
        if body.get("dimensions") not in (None, vectors.shape[1]):
            expected = f"{vectors.shape[1]}, those of this model, or nothing"
            raise unexpected("dimensions", expected, body["dimensions"])
        is_base64 = body.get("encoding_format") == "base64"
        return Response(
            await asyncio.to_thread(self._written, vectors, is_base64, call.tokens),
            media_type="application/json",
        )

    def _check(self, body):
        check_names(body, NAMES)
        check_model(body, self._model.name)
        form = body.get("encoding_format")
        if form not in (None, *FORMATS):
            raise unexpected("encoding_format", " or ".join(FORMATS), form)

    def _texts(self, value):
        """Returns the strings of `input`: a string, token ids, or a list of such."""
        is_one = isinstance(value, str) or begins_with_id(value)
        values = [value] if is_one else value
        if not isinstance(values, list) or not values:
            raise _wrong(value)
        if len(values) > self._limits.max_rows:
            raise too_many_rows("input", self._limits.max_rows, len(values))
        return [self._text(one) for one in values]

    def _text(self, value):
        if isinstance(value, str):
            utf8("input", value)
            return value
        if not begins_with_id(value):
            raise _wrong(value)
        require_length("input", len(value), self._limits.max_prompt_tokens)
        if not all(map(is_whole, value)):
            raise _wrong(value)
        tokenizer = self._tokenizer
        if all(0 <= token < tokenizer.vocab_size for token in value):
            text = tokenizer.decode(value)
            mode = self._model.special_tokens_of_signatures
            if tokenizer.encode(text, mode).tolist() == value:  # texts alone can be embedded
                return text
        raise RequestError(
            "input: expected text, or the token ids of a text by this model's tokenizer, "
            f"received {shown(value)}; send the text.",
            param="input",
        )

    def _written(self, vectors, is_base64, num_tokens):
        parts = []
        for index, vector in enumerate(vectors):
            content = vector.astype("<f4").tobytes()
            written = base64.b64encode(content).decode("ascii") if is_base64 else vector.tolist()
            parts.append(dump({"object": "embedding", "index": index, "embedding": written}))
        usage = dump({"prompt_tokens": num_tokens, "total_tokens": num_tokens})
        name = dump(self._model.name)
        return f'{{"object":"list","data":{joined(parts)},"model":{name},"usage":{usage}}}'.encode()


def vectors(signature):
    """Returns the names of the outputs of a signature that are vectors."""
    return [name for name, kind in signature.prediction.kinds.items() if kind == "vector"]


def _wrong(value):
    return unexpected("input", "a string, a list of strings, or token ids", value)
