"""The names under which a server answers.

A web page can have its own domain point at this machine (DNS rebinding); what it asks in a
visitor's browser would then reach a server that listens to loopback alone. Such requests name that
domain as their host.
"""

import ipaddress
import re

from lm_zoo.errors import UserError
from lm_zoo.serving.http.request_error import RequestError, shown

ANY = "*"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_NAME = r"(\[[0-9a-f:.]+\]|[^\s:/@\[\]]+)"
_HOST = re.compile(rf"{_NAME}(?::[0-9]*)?")


def allowed_hosts(address, names):
    """Returns the hosts that requests may name, or None for any.

    Args:
        address: What the server listens on, an IPv4 or IPv6 address.
        names: Names and addresses given by the user, without a port; `*` is any. Without any the
            loopback address answers to its own names, another one to all.

    Raises:
        UserError: For what is not a name.
    """
    names = [name.lower() for name in names]
    for name in names:
        if not re.fullmatch(_NAME, name):
            raise UserError(
                "allowed_hosts: expected names or addresses without a port, such as example.org, "
                f"127.0.0.1 or [::1], or * for any; received {name!r:.80}."
            )
    is_loopback = ipaddress.ip_address(address).is_loopback
    if ANY in names or not (names or is_loopback):
        return None
    own = f"[{address}]" if ":" in address else address
    return frozenset((*LOOPBACK, own, *names))


def host_check(hosts):
    """Returns the check of a `Gate` that refuses requests for other hosts.

    Starlette's TrustedHostMiddleware answers in plain text, and redirects.

    Args:
        hosts: What `allowed_hosts` returned.
    """

    def check(request, app):
        host = request.headers.get("host", "")
        found = _HOST.fullmatch(host.lower())
        if hosts is not None and not (found and found[1] in hosts):
            raise RequestError(
                f"Host: this server does not answer for {shown(host)}; if it is yours, start the "
                "server with --allowed_hosts and that name.",
                403,
            )
        return app

    return check
