"""One attempt to receive a file over HTTP, from where an earlier one has stopped."""

import http.client
import json
import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.request

from lm_zoo import __version__
from lm_zoo.files import write_atomically
from lm_zoo.files.json_files import NotJson, read_json

STALL_SECONDS = 30.0  # without SLOWEST_BYTES: the connection is given up
SLOWEST_BYTES = 1024
MAX_BYTES = 8 << 30  # of a download whose size is not known
CHUNK_BYTES = 1 << 16


class PermanentDownloadError(Exception):
    """This address will not do."""


class TransientDownloadError(Exception):
    """This attempt failed; the next one may not."""

    def __init__(self, message, wait=0.0):
        super().__init__(message)
        self.wait = wait  # seconds that the server asked for


def receive(address, download, file, part, show):
    """Makes one attempt, which goes on from where the part ends if the server can.

    Args:
        address: Where the file is.
        download: The `Download`, for the size that is expected.
        file: The part, open for appending.
        part: Its path.
        show: Called with the bytes received and those there are, or None.

    Returns:
        Whether the server went on from where the part ended.

    Raises:
        TransientDownloadError: If another attempt may do better; what has come is in the part.
        PermanentDownloadError: If none will.
        OSError: If the part cannot be written.
    """
    version = _version_of_part(address, part)
    start = os.path.getsize(part) if version else 0
    headers = {"User-Agent": f"lm-zoo/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": version}
    with _open(urllib.request.Request(address, headers=headers), file) as response:
        start, total = _place(response, start, file)
        if start == 0:
            file.truncate(0)
        if download.num_bytes and total not in (None, download.num_bytes):
            raise PermanentDownloadError(
                f"the server's file has {total:,} bytes, expected {download.num_bytes:,}"
            )
        _keep_version(address, response, part)
        received = _receive_body(response, file, start, total, download.num_bytes, show)
    if total is not None and received < total:
        raise TransientDownloadError(f"the connection ended after {received:,} of {total:,} bytes")
    return start > 0


def _open(request, file):
    """Opens a connection and sorts its failures into those that pass and those that do not."""
    try:
        return urllib.request.urlopen(request, timeout=STALL_SECONDS)
    except urllib.error.HTTPError as error:
        with error:
            status = f"HTTP status {error.code} {http.client.responses.get(error.code, '')}".strip()
            if error.code == 416:  # there is nothing behind the part: it is not this file's
                file.truncate(0)
                raise TransientDownloadError(status) from None
            if error.code in (408, 425, 429) or error.code >= 500:
                after = error.headers.get("Retry-After", "")
                raise TransientDownloadError(
                    status, float(after) if after.isdecimal() else 0.0
                ) from None
            raise PermanentDownloadError(status) from None
    except urllib.error.URLError as error:
        cause = error.reason
        if isinstance(cause, socket.gaierror):
            raise PermanentDownloadError(
                "the server's name cannot be resolved; check the network"
            ) from None
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise PermanentDownloadError(
                f"its certificate was rejected ({cause.verify_message})"
            ) from None
        raise TransientDownloadError(_words(cause)) from None
    except (OSError, http.client.HTTPException) as error:
        raise TransientDownloadError(_words(error)) from None


def _place(response, start, file):
    """Returns from which byte on the body is, and the length of the whole file or None."""
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else None
    if response.status == 206 and start:
        match = re.fullmatch(
            r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip()
        )
        if not match or int(match[1]) != start:
            file.truncate(0)
            raise TransientDownloadError("the server sent a different range than requested")
        return start, int(match[2]) if match[2] != "*" else total and start + total
    if response.status != 200:
        raise PermanentDownloadError(f"HTTP status {response.status}")
    return 0, total


def _receive_body(response, file, start, total, expected, show):
    received, limit = start, expected or MAX_BYTES
    window_began, window_bytes = time.monotonic(), 0
    while True:
        try:
            data = response.read1(CHUNK_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise TransientDownloadError(_words(error)) from None
        if not data:
            return received
        file.write(data)
        file.flush()
        received += len(data)
        window_bytes += len(data)
        if received > limit:
            file.truncate(0)
            raise PermanentDownloadError(f"the server sent more than {limit:,} bytes")
        show(received, total)
        now = time.monotonic()
        if now - window_began > STALL_SECONDS:
            if window_bytes < SLOWEST_BYTES:
                raise TransientDownloadError(
                    f"stalled: {window_bytes} bytes in {STALL_SECONDS:g} seconds"
                )
            window_began, window_bytes = now, 0


def _words(error):
    if isinstance(error, TimeoutError):
        return f"nothing came for {STALL_SECONDS:g} seconds"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection ended early"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _keep_version(address, response, part):
    """Keeps what the server calls this version of the file, so that a resume gets the same."""
    tag = response.headers.get("ETag", "")
    version = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
    write_atomically(note_of(part), json.dumps({"address": address, "version": version}))


def _version_of_part(address, part):
    try:
        note = read_json(note_of(part), {"address": str, "version": str})
        return note["version"] if note["address"] == address else ""
    except (OSError, NotJson):
        return ""


def note_of(part):
    """The file beside a part that says from where it is."""
    return part.with_name(part.name + ".json")
