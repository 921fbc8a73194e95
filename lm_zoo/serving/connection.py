"""Answers that come in time, to clients that are still there; others are not worked on any more."""

import asyncio

from starlette.responses import Response

from lm_zoo.serving.request_error import too_slow

GONE = 499  # what nginx logs for a client that closed the connection


async def in_time(request, seconds, answer):
    """Awaits an answer, and cancels it when it takes too long or the client goes away.

    Args:
        request: A `starlette.requests.Request` whose body has been read.
        seconds: How long it may take.
        answer: A coroutine that returns a response.

    Returns:
        The response, or one that no one will see.

    Raises:
        RequestError: If it takes longer.
    """
    answer = asyncio.ensure_future(answer)
    gone = asyncio.ensure_future(_gone(request))
    try:
        async with asyncio.timeout(seconds):
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        raise too_slow(seconds) from None
    finally:
        for task in (answer, gone):
            task.cancel()
    return answer.result() if answer.done() else Response(status_code=GONE)


async def _gone(request):
    while (await request.receive())["type"] != "http.disconnect":
        pass
