"""Clients that go away: what they asked for is not worked on any more."""

import asyncio

from starlette.responses import Response

GONE = 499  # what nginx logs for a client that closed the connection


async def unless_gone(request, answer):
    """Awaits an answer, and cancels it as soon as the client closes the connection.

    Args:
        request: A `starlette.requests.Request` whose body has been read.
        answer: A coroutine that returns a response.

    Returns:
        The response, or one that no one will see.
    """
    answer = asyncio.ensure_future(answer)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        return Response(status_code=GONE)
    finally:
        for task in (answer, gone):
            task.cancel()


async def _gone(request):
    while (await request.receive())["type"] != "http.disconnect":
        pass
