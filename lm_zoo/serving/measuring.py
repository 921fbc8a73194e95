"""Counts requests and their time."""

import time

_OTHER = "other"


class MeasuringMiddleware:
    """ASGI middleware that tells `Metrics` of every request.

    Args:
        app: The application.
        metrics: `Metrics`.
    """

    def __init__(self, app, metrics):
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start, status = time.perf_counter(), 500

        async def noting(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            endpoint = _endpoint(scope)
            self._metrics.requests.labels(endpoint, status).inc()
            self._metrics.request_seconds.labels(endpoint).observe(time.perf_counter() - start)


def _endpoint(scope):
    """The path, without what a client can make up: few different ones."""
    endpoint = getattr(scope.get("endpoint"), "__name__", "")
    return endpoint or _OTHER
