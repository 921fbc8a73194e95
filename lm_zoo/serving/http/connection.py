"""Answers that come in time, to clients that are still there; others are not worked on any more."""

import asyncio

from starlette.responses import Response

from lm_zoo.serving.http.request_body import read_json
from lm_zoo.serving.http.request_error import too_slow

CLIENT_CLOSED_REQUEST = 499  # what nginx logs for a client that closed the connection


async def answer_in_time(request, limits, answer):
    """Reads a request's JSON object, and awaits the answer.

    It is cancelled when it takes too long or the client goes away.

    Args:
        request: A `starlette.requests.Request`.
        limits: `ServingLimits`.
        answer: Async function of the object that returns a response.

    Returns:
        The response, or one that no one will see.

    Raises:
        RequestError: If it takes longer; and as `read_json`.
    """
    body = await read_json(request, limits)
    answering = asyncio.ensure_future(answer(body))
    disconnected = asyncio.ensure_future(_disconnected(request))
    try:
        async with asyncio.timeout(limits.request_seconds):
            await asyncio.wait({answering, disconnected}, return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        raise too_slow(limits.request_seconds) from None
    finally:
        for task in (answering, disconnected):
            task.cancel()
    return answering.result() if answering.done() else Response(status_code=CLIENT_CLOSED_REQUEST)


async def _disconnected(request):
    while (await request.receive())["type"] != "http.disconnect":
        pass
