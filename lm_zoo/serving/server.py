"""The server process: a socket, the model, and an orderly end."""

import functools
import logging
import signal
import socket

import uvicorn

from lm_zoo.errors import UserError
from lm_zoo.files import reason
from lm_zoo.serving.http.cut_off import CutOff
from lm_zoo.serving.http.limited_protocol import LimitedProtocol

BACKLOG = 2048  # connections that wait to be accepted
GRACE_SECONDS = 30  # how long answers that are on their way may take after SIGTERM


def bind(host, port):
    """Returns a TCP socket bound to an address; nothing is answered yet.

    Args:
        host: A name or an IPv4 or IPv6 address; the loopback address admits this machine alone.
        port: 0 takes a free one.

    Raises:
        UserError: If the address is in use, or is none of this machine's.
    """
    try:
        (family, kind, *_, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        made = socket.socket(family, kind)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
        except BaseException:
            made.close()
            raise
        return made
    except (OSError, UnicodeError, OverflowError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise UserError(
            f"host, port: cannot listen on {host} port {port}: {why}; give another --host or "
            "--port."
        ) from None


def address_of(bound):
    """Returns the `http://` address of a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(app, limits):
    """Returns the `uvicorn.Server` of what `make_app` returned."""
    protocol = functools.partial(
        LimitedProtocol, limits, lambda path, error: error.content_for(path), app.state.note
    )
    config = uvicorn.Config(
        CutOff(app),
        http=protocol,
        ws="none",
        log_config=None,
        log_level=logging.ERROR,  # what clients do wrong stands in the access log
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def serve(app, limits, bound, on_ready):
    """Serves until SIGTERM or SIGINT: answers that are on their way are finished first.

    Args:
        app: What `make_app` returned.
        limits: `ServingLimits`.
        bound: What `bind` returned.
        on_ready: Called as soon as clients can connect.
    """
    server = make_server(app, limits)
    bound.listen(BACKLOG)
    # uvicorn sends a signal that ended it once more, to the handlers that stood before: these.
    before = {
        number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        on_ready()
        server.run(sockets=[bound])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
