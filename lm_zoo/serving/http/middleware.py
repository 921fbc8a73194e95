"""The frame of the middlewares that refuse requests."""

from starlette.requests import Request

from lm_zoo.serving.http.request_error import RequestError


class Gate:
    """Lets some HTTP requests pass, and refuses the others; what is no request passes.

    Args:
        app: The application.
        check: Function `(request, app) -> app`: the application that answers a request; raises a
            `RequestError` to refuse it.
        error_response: Makes a response of `(request, RequestError)`.
    """

    def __init__(self, app, check, error_response):
        self._app, self._check, self._error_response = app, check, error_response

    async def __call__(self, scope, receive, send):
        app = self._app
        if scope["type"] == "http":
            request = Request(scope)
            try:
                app = self._check(request, app)
            except RequestError as error:
                app = await self._error_response(request, error)
        await app(scope, receive, send)
