"""The web pages that may ask a server: its own, and those of the origins that it was given.

A page elsewhere can have its visitor's browser send requests here. Browsers name its origin.
"""

import re

from starlette.middleware.cors import CORSMiddleware

from lm_zoo.errors import UserError
from lm_zoo.serving.http.allowed_hosts import ANY
from lm_zoo.serving.http.request_error import RequestError, shown

_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[^\s:/@\[\]]+)(:[0-9]+)?")


def allowed_origins(origins):
    """Returns the origins, in lower case, having made sure that they are some.

    Raises:
        UserError: For what is neither an origin nor `*`.
    """
    origins = [origin.lower() for origin in origins]
    for origin in origins:
        if origin != ANY and not _ORIGIN.fullmatch(origin):
            raise UserError(
                "cors_origins: expected origins such as https://pages.example or "
                f"http://localhost:3000, or * for any; received {origin!r:.80}."
            )
    return origins


def origin_check(origins):
    """Returns the check of a `Gate` that refuses requests of foreign pages, and lets others read.

    Args:
        origins: What `allowed_origins` returned.
    """
    cors = {"allow_origins": origins, "allow_methods": ["GET", "POST"], "allow_headers": ["*"]}

    def check(request, app):
        host = request.headers.get("host", "").lower()
        own = (f"http://{host}", f"https://{host}")  # a proxy may speak TLS for us
        given = request.headers.getlist("origin")
        foreign = [origin for origin in given if origin.lower() not in own]
        if not foreign:
            return app
        if ANY in origins or all(origin.lower() in origins for origin in foreign):
            return CORSMiddleware(app, **cors)
        raise RequestError(
            f"Origin: this server does not answer pages from {shown(foreign[0])}; to allow it, "
            "start the server with --cors_origins and that origin.",
            403,
        )

    return check
