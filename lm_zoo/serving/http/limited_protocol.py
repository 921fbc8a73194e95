"""HTTP connections with limits: uvicorn's, and what it has no limit for."""

import time

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from lm_zoo.serving.http.request_error import RequestError

LOOK_SECONDS = 1.0  # how often a connection looks at the clock, at most


class LimitedProtocol(HttpToolsProtocol):
    """One connection.

    It counts the bytes of a request's line and headers, and of trailers and chunk extensions; the
    time until a request is there, and until its answer is read; the time in which there is none;
    and the connections, of which the one that has waited longest makes room for a new one.

    Args:
        limits: `ServingLimits`.
        error_response: Returns the content of an answer, JSON bytes, for a path and a `RequestError`.
        note: Called with the address of a client and a status, for what is refused here.
        **arguments: uvicorn's.
    """

    def __init__(self, limits, error_response, note, **arguments):
        super().__init__(**arguments)
        self.timeout_keep_alive = limits.idle_seconds
        self._limits = limits
        self._error_response = error_response
        self._note = note
        self._bytes = 0  # since the request began, or brought a part of its body
        self._part_size = 0
        self._in_headers, self._is_complete = False, True  # of the request that is received
        self._refused = False
        self._unread_since = self._timer = None
        self._begin("idle")

    @property
    def is_waiting(self):
        """Whether there is no request, or not all of one, so that nothing is worked on."""
        working = self._phase == "answer" and self._is_complete
        return not (working or self.transport.is_closing())

    def connection_made(self, transport):
        super().connection_made(transport)
        self._begin("idle")
        self._look()
        if len(self.connections) > self._limits.max_connections:
            self._make_room()

    def _make_room(self):
        others = [other for other in self.connections if other is not self and other.is_waiting]
        if others:
            min(others, key=lambda other: other._since).transport.abort()
            return
        most = f"{self._limits.max_connections:,}"
        self._refuse(RequestError(f"the server is busy: {most} connections; try again later.", 503))

    def connection_lost(self, exc):
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data):
        most = self._limits.max_header_bytes
        for begin in range(0, len(data), most):  # the parser gets little more than is allowed
            if self._refused or self.transport.is_closing():
                return
            part = data[begin : begin + most]
            self._part_size = len(part)  # until something else than a new request is seen in it
            self._bytes += len(part)
            super().data_received(part)
            if self._bytes > most and not (self._is_complete or self._refused):
                self._refuse(_too_many_bytes(most))

    def on_message_begin(self):
        super().on_message_begin()
        self._bytes = self._part_size
        self._in_headers, self._is_complete = True, False
        if self._phase == "idle":
            self._begin("headers")

    def on_header(self, name, value):
        if self._in_headers:  # not a trailer, which could pass for a header
            super().on_header(name, value)

    def on_headers_complete(self):
        self._in_headers = False
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._limits.max_header_bytes:
            self._refuse(_too_many_bytes(self._limits.max_header_bytes))
        if not self._refused:
            super().on_headers_complete()
            if not self.pipeline:
                self._begin("answer")

    def on_body(self, body):
        self._bytes = self._part_size = 0
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self):
        self._bytes, self._part_size, self._is_complete = 0, 0, True
        if self._phase == "rest":
            self._begin("idle")
        if not self._refused:
            super().on_message_complete()

    def on_response_complete(self):
        has_next = bool(self.pipeline)
        super().on_response_complete()
        if has_next:
            self._begin("answer")
        elif self._in_headers:
            self._begin("headers")
        else:
            self._begin("idle" if self._is_complete else "rest")

    def pause_writing(self):
        super().pause_writing()
        self._unread_since = time.monotonic()

    def resume_writing(self):
        super().resume_writing()
        self._unread_since = None

    def send_400_response(self, msg):
        if not self._refused:
            self._refuse(RequestError("expected an HTTP request, received something else."))

    def _begin(self, phase):
        self._phase, self._since = phase, time.monotonic()

    def _look(self):
        """Looks whether something has taken too long, now and again."""
        limits, now = self._limits, time.monotonic()
        if self.transport.is_closing() and self._phase != "end":
            self._begin("end")
        waited = now - self._since
        unread = 0 if self._unread_since is None else now - self._unread_since
        longest = {
            "idle": limits.idle_seconds,
            "headers": limits.receive_seconds,
            "answer": limits.receive_seconds + limits.request_seconds + limits.write_seconds,
            "rest": limits.receive_seconds,
            "end": limits.write_seconds,
        }
        if waited > longest[self._phase] or unread > limits.write_seconds:
            if self._phase == "headers" and not unread:
                self._refuse(
                    RequestError("the request did not arrive in time; send it again.", 408)
                )
            elif self._phase == "idle" and not unread:
                self.transport.close()
            else:
                self.transport.abort()
                return
        soon = min(LOOK_SECONDS, min(longest.values()) / 4)
        self._timer = self.loop.call_later(soon, self._look)

    def _refuse(self, error):
        """Answers for the application, and reads no more; the connection ends soon."""
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            if self.cycle.more_body:
                self.transport.abort()
            self.cycle.keep_alive = False  # the answer that is on its way is the last
            return
        self._begin("end")
        self._note(self.client, error.status)
        path = self.url.partition(b"?")[0].decode("latin-1") if not self._is_complete else ""
        content = self._error_response(path, error)
        headers = error.headers | {
            "content-type": "application/json",
            "content-length": str(len(content)),
            "connection": "close",
        }
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        head = STATUS_LINE[error.status] + "".join(lines).encode("latin-1") + b"\r\n"
        self.transport.write(head + content)
        # Closed before the client has sent what it meant to send, it might never see the answer.
        if self.transport.can_write_eof() and not self._is_complete:
            self.transport.write_eof()
        else:
            self.transport.close()


def _too_many_bytes(most):
    return RequestError(
        f"headers: expected at most {most:,} bytes for the request line and headers, received "
        "more; send less, or start the server with a larger --max_header_bytes.",
        431,
    )
