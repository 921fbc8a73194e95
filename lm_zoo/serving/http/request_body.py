"""Reading a request's JSON body, within the server's limits."""

import asyncio
import json
import re

from lm_zoo.serving.http.request_error import RequestError, shown

_JSON = re.compile(r"application/([\w.-]+\+)?json")


async def read_json(request, limits):
    """Returns the JSON object in a request's body.

    Args:
        request: A `starlette.requests.Request`.
        limits: `ServingLimits`.

    Raises:
        RequestError: If the body is said to be something else than JSON, is too long, comes too
            slowly, or holds no JSON object.
    """
    _check_type(request.headers)
    most = limits.max_body_bytes
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise _too_long(most, f"{int(length):,}")
    body = bytearray()
    try:
        async with asyncio.timeout(limits.receive_seconds):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    raise _too_long(most, f"more than {most:,}")
    except TimeoutError:
        raise RequestError("body: it did not arrive in time; send it again.", 408) from None
    return parse_object(bytes(body))


def _check_type(headers):
    """Refuses a body that is not said to be JSON: a web page may send others to any server."""
    for value in headers.getlist("content-type"):
        kind, *parameters = value.lower().replace('"', "").replace(" ", "").split(";")
        charsets = [p.partition("=")[2] for p in parameters if p.startswith("charset=")]
        if not _JSON.fullmatch(kind) or not {"utf-8", "utf8"}.issuperset(charsets):
            raise RequestError(
                f"Content-Type: expected application/json in UTF-8, received {shown(value)}; with "
                "curl, give --json instead of -d.",
                415,
            )


def parse_object(body):
    """Returns the dictionary that the bytes of a JSON object hold."""
    try:
        value = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RequestError(
            f"body: expected UTF-8, received byte 0x{body[error.start]:02x} at offset "
            f"{error.start}."
        ) from None
    except RecursionError:
        raise RequestError("body: expected JSON, received JSON nested too deeply.") from None
    except json.JSONDecodeError as error:
        raise RequestError(
            f"body: expected JSON, received something else: {error.msg} (line {error.lineno}, "
            f"column {error.colno})."
        ) from None
    except ValueError:  # a whole number of thousands of digits
        raise RequestError("body: expected JSON, received a number with too many digits.") from None
    if not isinstance(value, dict):
        raise RequestError(f"body: expected a JSON object, received {shown(value)}.")
    return value


def _too_long(most, received):
    return RequestError(
        f"body: expected at most {most:,} bytes, received {received}; send less, or start the "
        "server with a larger --max_body_bytes.",
        413,
    )
