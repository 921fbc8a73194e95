"""The web pages that may ask a server: its own, and those of the origins that it was given.

A page elsewhere can have its visitor's browser send requests here. Browsers name its origin.
"""

import re

from starlette.middleware.cors import CORSMiddleware

from lm_zoo.errors import UserError
from lm_zoo.serving.allowed_hosts import ANY
from lm_zoo.serving.middleware import Gate
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


class AllowedOriginsMiddleware(Gate):
    """Refuses requests of foreign pages, and lets those of others read.

    Args:
        app: As in `Gate`.
        tell: As in `Gate`.
        origins: What `allowed_origins` returned.
    """

    def __init__(self, app, tell, origins):
        super().__init__(app, tell)
        self._origins = origins
        self._cors = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
        )

    def admit(self, request):
        host = request.headers.get("host", "").lower()
        own = (f"http://{host}", f"https://{host}")  # a proxy may speak TLS for us
        given = request.headers.getlist("origin")
        foreign = [origin for origin in given if origin.lower() not in own]
        if not foreign:
            return self.app
        if ANY in self._origins or all(o.lower() in self._origins for o in foreign):
            return self._cors
        raise _foreign(foreign[0])


def _foreign(origin):
    return RequestError(
        f"Origin: this server does not answer pages of {shown(origin)}; start it with "
        "--cors_origins and that origin, if it may ask.",
        403,
    )
