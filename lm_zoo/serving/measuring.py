"""Counts requests and their time, and notes each in the access log."""

import time

from lm_zoo.serving.middleware import HttpMiddleware

_OTHER = "other"


class MeasuringMiddleware(HttpMiddleware):
    """Tells `Metrics` of every request.

    Args:
        app: The application.
        metrics: `Metrics`.
        log: An `AccessLog`.
    """

    def __init__(self, app, metrics, log):
        super().__init__(app)
        self._metrics = metrics
        self._log = log

    async def answer(self, scope, receive, send):
        start, status, size = time.perf_counter(), 500, 0

        async def noting(message):
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            endpoint = _endpoint(scope)
            seconds = time.perf_counter() - start
            self._metrics.requests.labels(endpoint, status).inc()
            self._metrics.request_seconds.labels(endpoint).observe(seconds)
            path, method = scope["path"], scope["method"]
            self._log.note(scope.get("client"), method, path, status, seconds, size)


def _endpoint(scope):
    """The path, without what a client can make up: few different ones."""
    endpoint = getattr(scope.get("endpoint"), "__name__", "")
    return endpoint or _OTHER
