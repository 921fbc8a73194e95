"""A real HTTP server on loopback that serves files well or badly, as a test wants."""

import contextlib
import http.server
import threading
import time


class Site:
    """What the server has, and how it behaves; `requests` records what it was asked.

    Attributes:
        files: Path -> bytes.
        tricks: One is taken from the front for each request: a function of the handler and the
            content that answers instead; None, or none left, is an honest answer.
        ranges: Whether it knows Range.
        etag: What it calls the version of its files; None for nothing.
    """

    def __init__(self):
        self.files, self.tricks, self.requests = {}, [], []
        self.ranges, self.etag = True, '"v1"'
        self.stop = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        site = self.server.site
        site.requests.append((self.path, self.headers.get("Range")))
        trick = site.tricks.pop(0) if site.tricks else None
        content = site.files.get(self.path)
        if trick is not None:
            self.close_connection = True
            trick(self, content)
        elif content is None:
            self.send_error(404)
        else:
            self.answer(content)

    def answer(self, content):
        """Answers as a good server does, with the part that was asked for."""
        start = self.start(content)
        self.head(content, start)
        self.wfile.write(content[start:])

    def start(self, content):
        wanted = self.headers.get("Range")
        if not wanted or not self.server.site.ranges:
            return 0
        if self.headers.get("If-Range") != self.server.site.etag:
            return 0
        return int(wanted.removeprefix("bytes=").removesuffix("-"))

    def head(self, content, start=0, length=None):
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        length = len(content) - start if length is None else length
        self.send_header("Content-Length", str(length))
        if self.server.site.etag:
            self.send_header("ETag", self.server.site.etag)
        self.end_headers()


def breaks_after(count):
    """Sends so many bytes of what was asked for, and hangs up."""

    def trick(handler, content):
        start = handler.start(content)
        handler.head(content, start)
        handler.wfile.write(content[start : start + count])

    return trick


def stalls_after(count):
    """Sends so many bytes, and then nothing, with the connection open."""

    def trick(handler, content):
        breaks_after(count)(handler, content)
        handler.wfile.flush()
        handler.server.site.stop.wait(30)

    return trick


def drips(handler, content):
    """Sends a byte now and then."""
    handler.head(content)
    for number in range(len(content)):
        if handler.server.site.stop.is_set():
            return
        handler.wfile.write(content[number : number + 1])
        handler.wfile.flush()
        time.sleep(0.05)


def says_length(length):
    """Lies about the length."""

    def trick(handler, content):
        handler.head(content, length=length)
        handler.wfile.write(content[:length])

    return trick


def sends(other):
    """Sends other bytes than the file's."""

    def trick(handler, content):
        handler.answer(other)

    return trick


def status(code, **headers):
    def trick(handler, content):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return trick


def sends_wrong_part(handler, content):
    """Answers a request for a part with another part."""
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 1-{len(content) - 1}/{len(content)}")
    handler.send_header("Content-Length", str(len(content) - 1))
    handler.end_headers()
    handler.wfile.write(content[1:])


def hangs_up(handler, content):
    pass


@contextlib.contextmanager
def serving():
    """Runs a server; yields its `Site`, which knows its `address`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.site = Site()
    server.site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.site
    finally:
        server.site.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()
