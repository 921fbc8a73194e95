"""The web pages that may ask a server: its own, and those of the origins that it was given.

A page elsewhere can have its visitor's browser send requests here. Browsers name its origin.
"""

import re

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request

from lm_zoo.errors import UserError
from lm_zoo.serving.allowed_hosts import ANY
from lm_zoo.serving.request_body import shown
from lm_zoo.serving.request_error import RequestError

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


class AllowedOriginsMiddleware:
    """ASGI middleware that refuses requests of foreign pages, and lets those of others read.

    Args:
        app: The application.
        origins: What `allowed_origins` returned.
        tell: Makes a response of `(request, RequestError)`.
    """

    def __init__(self, app, origins, tell):
        self._app = app
        self._origins = origins
        self._tell = tell
        self._cors = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
        )

    async def __call__(self, scope, receive, send):
        app = self._app
        if scope["type"] == "http":
            request = Request(scope)
            host = request.headers.get("host", "").lower()
            own = (f"http://{host}", f"https://{host}")  # a proxy may speak TLS for us
            given = request.headers.getlist("origin")
            foreign = [origin for origin in given if origin.lower() not in own]
            if foreign:
                known = ANY in self._origins or all(o.lower() in self._origins for o in foreign)
                app = self._cors if known else await self._tell(request, _foreign(foreign[0]))
        await app(scope, receive, send)


def _foreign(origin):
    return RequestError(
        f"Origin: this server does not answer pages of {shown(origin)}; start it with "
        "--cors_origins and that origin, if it may ask.",
        403,
    )
