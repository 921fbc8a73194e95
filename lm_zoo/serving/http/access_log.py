"""A line for each request: who asked for what, and how it was answered. Never what was said."""

import contextlib
import datetime
import json
import queue
import threading

from lm_zoo.serving.http.request_error import field

MAX_WAITING = 10_000  # lines; where no one reads them, more are dropped


class AccessLog:
    """Writes lines in a thread of its own, so that a full pipe stops no request.

    Args:
        form: `text`, `json` or `none`.
        stream: A text file.
    """

    def __init__(self, form, stream):
        self._form = form
        self._stream = stream
        self._lines = queue.Queue(MAX_WAITING)
        self._dropped = 0
        self._thread = None
        if form != "none":
            self._thread = threading.Thread(target=self._work, name="access-log", daemon=True)
            self._thread.start()

    def note(self, client, method, path, status, seconds, size):
        """Logs a request that was answered.

        Args:
            client: `(address, port)`, or None.
            method: As sent by the client; "-" if unknown.
            path: As sent by the client, without the query; "-" if unknown.
            status: HTTP status of the response.
            seconds: From the request to the end of its response.
            size: Bytes of the response's content.
        """
        if self._thread is None:
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        values = {
            "time": now.replace("+00:00", "Z"),
            "client": client[0] if client else "-",
            "method": method,
            "path": path[:200],
            "status": status,
            "seconds": round(seconds, 4),
            "bytes": size,
        }
        try:
            self._lines.put_nowait(values)
        except queue.Full:
            self._dropped += 1

    def close(self):
        """Writes what waits, if someone reads it."""
        if self._thread is not None:
            with contextlib.suppress(queue.Full):  # no one reads it
                self._lines.put(None, timeout=1)
            self._thread.join(timeout=5)

    def _work(self):
        while (values := self._lines.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            if dropped:
                values["dropped"] = dropped
            try:
                self._stream.write(self._line(values) + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # no one reads it any more
                return

    def _line(self, values):
        if self._form == "json":
            return json.dumps(values)
        path = field(values["path"])  # on one line, whatever is in it
        text = (
            f"{values['time']} {values['client']} {values['method']} {path} {values['status']} "
            f"{values['seconds']:.3f} s {values['bytes']} bytes"
        )
        return text + (
            f" ({values['dropped']} lines before it dropped)" if "dropped" in values else ""
        )
