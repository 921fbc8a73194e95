"""Requests that are still on their way when the server's grace is over: told so, no traceback."""

import asyncio
import logging

from starlette.responses import JSONResponse

from lm_zoo.serving.http.request_error import RequestError

LOGGER = "uvicorn.error"


class CutOff:
    """Wraps an application that is cancelled when the server ends.

    A client that has had no answer yet gets 503; the connection of another is closed.

    Args:
        app: An ASGI application.
    """

    def __init__(self, app):
        self._app = app
        logging.getLogger(LOGGER).addFilter(_is_news)

    async def __call__(self, scope, receive, send):
        begun = False

        async def noting(message):
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except asyncio.CancelledError:
            if scope["type"] != "http" or begun:
                raise
            error = RequestError(
                "the server is shutting down; try again later.", 503, code="ending"
            )
            body = error.body_for(scope["path"])
            await JSONResponse(body, error.status, error.headers)(scope, receive, send)


def _is_news(record):
    """Whether a line is to be logged: that a request was cut off is said by uvicorn's one line."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))
