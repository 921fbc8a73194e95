"""`POST /v1/completions`: the completions of the OpenAI API, whole or as a stream of events."""

import asyncio
import json
import time

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, StreamingResponse

from lm_zoo.serving.completion import Completion
from lm_zoo.serving.completion_request import CompletionRequest
from lm_zoo.serving.connection import unless_gone
from lm_zoo.serving.growth import Growth
from lm_zoo.serving.prompt_scores import PromptCall
from lm_zoo.serving.request_body import read_json
from lm_zoo.serving.request_error import RequestError, too_slow


class Completions:
    """Answers requests for completions.

    Args:
        model: A `ServedModel`.
        engine: An `Engine`.
        prompt_batcher: A `Batcher` of a `PromptScorer`.
        reader: A `PromptReader`.
        limits: `ServingLimits`.
        metrics: `Metrics`.
    """

    def __init__(self, model, engine, prompt_batcher, reader, limits, metrics):
        self._model = model
        self._engine = engine
        self._prompt_batcher = prompt_batcher
        self._reader = reader
        self._limits = limits
        self._metrics = metrics

    async def completions(self, request):
        """Answers one request."""
        wanted = CompletionRequest.parse(
            await read_json(request, self._limits), self._model.name, self._limits
        )
        prompts = await run_in_threadpool(lambda: list(map(self._reader.read, wanted.prompts)))
        growth = Growth(self._engine, self._model.tokenizer, wanted.stream)
        deadline = asyncio.get_running_loop().time() + self._limits.request_seconds
        completion = Completion(
            self._model.name, self._model.tokenizer, wanted, prompts, growth, deadline
        )
        give = self._stream if wanted.stream else self._whole
        try:
            return await unless_gone(request, give(completion))
        except TimeoutError:
            raise too_slow(self._limits.request_seconds) from None

    async def _begin(self, completion):
        """Scores the prompts, if that is wanted, and lets the texts begin."""
        wanted = completion.wanted
        if wanted.echo and wanted.logprobs is not None:
            if not self._model.scores_ids:
                raise not_exported("score", "log-probabilities of the prompt")
            calls = [PromptCall.of(ids, wanted.logprobs) for _, ids in completion.prompts]
            async with asyncio.timeout_at(completion.deadline):
                completion.prompt_tokens = await self._prompt_batcher.submit(calls)
        if wanted.max_tokens:
            completion.growth.begin()

    async def _whole(self, completion):
        """Returns the answer as one JSON object."""
        reasons = {}
        try:
            await self._begin(completion)
            pieces = [[piece] for piece in completion.echoes()]
            async for index, new, reason in completion.follow():
                pieces[index] += new
                reasons[index] = reason
        finally:
            completion.growth.cancel()
        choices = [
            completion.choice(index, parts, reasons.get(index, "length"), is_end=True)
            for index, parts in enumerate(pieces)
        ]
        return JSONResponse(completion.body(choices) | {"usage": completion.usage()})

    async def _stream(self, completion):
        """Returns the answer as a stream of events."""
        await self._begin(completion)
        return StreamingResponse(
            self._events(completion),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
            background=BackgroundTask(completion.growth.cancel),  # also when no event was ever sent
        )

    async def _events(self, completion):
        """Gives the answer as server-sent events, one for each piece of text."""
        wanted = completion.wanted
        try:
            for index, piece in enumerate(completion.echoes()):
                if wanted.echo:
                    yield _event(completion.body([completion.choice(index, [piece])]))
                if not wanted.max_tokens:
                    yield _event(completion.body([completion.choice(index, [], "length")]))
            start, first = time.perf_counter(), True
            async for index, pieces, reason in completion.follow():
                if first and pieces:
                    self._metrics.first_token_seconds.observe(time.perf_counter() - start)
                    first = False
                choices = [
                    completion.choice(index, [piece], is_end=reason and piece is pieces[-1])
                    for piece in pieces
                ]
                if reason:
                    choices.append(completion.choice(index, [], reason))
                yield b"".join(_event(completion.body([choice])) for choice in choices)
            if wanted.include_usage:
                yield _event(completion.body([]) | {"usage": completion.usage()})
        except TimeoutError:
            yield _event(too_slow(self._limits.request_seconds).as_openai())
        except RequestError as error:
            yield _event(error.as_openai())
        finally:
            completion.growth.cancel()
        yield b"data: [DONE]\n\n"


def not_exported(signature, what):
    """The error of a model that was exported without what a request needs."""
    return RequestError(
        f"this model was exported without the signature {signature!r}, which {what} need; export "
        "it with that, too.",
        501,
    )


def _event(value):
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return b"data: " + data.encode("utf-8") + b"\n\n"
