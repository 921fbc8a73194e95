"""The frame of the ASGI middlewares."""

from starlette.requests import Request

from lm_zoo.serving.request_error import RequestError


class HttpMiddleware:
    """Answers the HTTP requests for an application; everything else is passed on.

    Args:
        app: The application.
    """

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        answer = self.answer if scope["type"] == "http" else self.app
        await answer(scope, receive, send)

    async def answer(self, scope, receive, send):
        """Answers a request."""
        raise NotImplementedError


class Gate(HttpMiddleware):
    """Lets some requests pass, and refuses the others.

    Args:
        app: The application.
        tell: Makes a response of `(request, RequestError)`.
    """

    def __init__(self, app, tell):
        super().__init__(app)
        self._tell = tell

    async def answer(self, scope, receive, send):
        request = Request(scope)
        try:
            app = self.admit(request)
        except RequestError as error:
            app = await self._tell(request, error)
        await app(scope, receive, send)

    def admit(self, request):
        """Returns the application that answers a request; raises a `RequestError` to refuse it."""
        raise NotImplementedError
