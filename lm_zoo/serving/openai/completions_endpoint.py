"""`POST /v1/completions`: the completions of the OpenAI API, whole or as a stream of events."""

import asyncio
import time

from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

from lm_zoo.serving.http.connection import answer_in_time
from lm_zoo.serving.http.json_text import dump
from lm_zoo.serving.http.request_error import RequestError, not_offered, too_slow
from lm_zoo.serving.inference.sequence_group import SequenceGroup
from lm_zoo.serving.openai.completion_request import CompletionRequest
from lm_zoo.serving.openai.completion_response import CompletionResponse
from lm_zoo.serving.openai.prompt_scores import PromptCall


class CompletionsEndpoint:
    """Answers requests for completions.

    Args:
        model: A `ServedModel`.
        workers: Its `Workers`, with an engine.
        limits: `ServingLimits`.
        metrics: `Metrics`.
    """

    def __init__(self, model, workers, limits, metrics):
        self._model = model
        self._engine = workers.engine
        self._prompt_batcher = workers.prompt_batcher
        self._reader = workers.reader
        self._limits = limits
        self._metrics = metrics

    async def completions(self, request):
        """Answers one request."""
        return await answer_in_time(request, self._limits, self._answer)

    async def _answer(self, body):
        wanted = CompletionRequest.parse(body, self._model.name, self._limits)
        deadline = asyncio.get_running_loop().time() + self._limits.request_seconds
        prompts = await asyncio.to_thread(lambda: list(map(self._reader.read, wanted.prompts)))
        tokenizer = self._reader.tokenizer
        group = SequenceGroup(self._engine, tokenizer, wanted.stream)
        completion = CompletionResponse(
            self._model.name, tokenizer, wanted, prompts, group, deadline
        )
        return await (self._stream if wanted.stream else self._whole)(completion)

    async def _begin(self, completion):
        """Scores the prompts, if that is wanted, and lets the texts begin."""
        wanted = completion.wanted
        if wanted.echo and wanted.logprobs is not None:
            if not self._model.scores_ids:
                raise not_offered(self._model, "log-probabilities of the prompt", "score")
            prompts = completion.prompts
            calls = [PromptCall.of(prompt.token_ids, wanted.logprobs) for prompt in prompts]
            completion.prompt_tokens = await self._prompt_batcher.submit(calls)
            completion.prompt_offsets = [
                await asyncio.to_thread(self._reader.offsets, prompt) for prompt in prompts
            ]
        if wanted.options.max_new_tokens:
            completion.group.begin()

    async def _whole(self, completion):
        reasons = {}
        try:
            await self._begin(completion)
            deltas = [[delta] for delta in completion.echoes()]
            async for index, new, reason in completion.follow():
                deltas[index] += new
                reasons[index] = reason
        finally:
            completion.group.cancel()
        choices = [
            await asyncio.to_thread(_choice, completion, index, parts, reasons.get(index, "length"))
            for index, parts in enumerate(deltas)
        ]
        return Response(completion.whole(choices), media_type="application/json")

    async def _stream(self, completion):
        await self._begin(completion)
        return StreamingResponse(
            self._events(completion),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
            background=BackgroundTask(completion.group.cancel),  # also when no event was ever sent
        )

    async def _events(self, completion):
        """Gives the answer as server-sent events, one for each delta of text."""
        wanted = completion.wanted
        try:
            for index, delta in enumerate(completion.echoes()):
                reason = None if wanted.options.max_new_tokens else "length"
                if wanted.echo:
                    yield await self._delta_events(completion, index, [delta], reason)
            start, first = time.perf_counter(), True
            async for index, deltas, reason in completion.follow():
                if first and deltas:
                    self._metrics.first_token_seconds.observe(time.perf_counter() - start)
                    first = False
                yield await self._delta_events(completion, index, deltas, reason)
            if wanted.include_usage:
                yield _event(completion.body([]) | {"usage": completion.usage()})
        except TimeoutError:
            yield _event(too_slow(self._limits.request_seconds).as_openai())
        except RequestError as error:
            yield _event(error.as_openai())
        finally:
            completion.group.cancel()
        yield b"data: [DONE]\n\n"

    async def _delta_events(self, completion, index, deltas, reason):
        """Returns the events of some deltas, and of the reason if it ends with them."""
        choices = [([delta], None) for delta in deltas] + ([([], reason)] if reason else [])

        def events():
            parts = (completion.body([completion.choice(index, *choice)]) for choice in choices)
            return b"".join(map(_event, parts))

        if completion.wanted.logprobs is None:
            return events()
        return await asyncio.to_thread(events)  # tokens are decoded one by one


def _choice(completion, index, deltas, reason):
    return dump(completion.choice(index, deltas, reason))


def _event(value):
    return b"data: " + dump(value).encode("utf-8") + b"\n\n"
