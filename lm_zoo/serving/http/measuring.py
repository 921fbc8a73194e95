"""Counts requests and their time, and notes each in the access log."""

import time


class MeasuringMiddleware:
    """Tells `Metrics` and the access log of every HTTP request.

    Args:
        app: The application.
        metrics: `Metrics`.
        log: An `AccessLog`.
    """

    def __init__(self, app, metrics, log):
        self.app = app
        self._metrics = metrics
        self._log = log

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
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
            # Not the path: of those that a client can make up there would be too many.
            endpoint = getattr(scope.get("endpoint"), "__name__", "other")
            seconds = time.perf_counter() - start
            self._metrics.requests.labels(endpoint, status).inc()
            self._metrics.request_seconds.labels(endpoint).observe(seconds)
            path, method = scope["path"], scope["method"]
            self._log.note(scope.get("client"), method, path, status, seconds, size)
