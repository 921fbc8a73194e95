"""The key that clients must know, where the server has one."""

import hashlib
import hmac
import re

from lm_zoo.errors import UserError
from lm_zoo.files import expanded
from lm_zoo.files.input_files import open_input
from lm_zoo.serving.http.request_error import RequestError

VARIABLE = "LM_ZOO_API_KEY"
MAX_BYTES = 4096
# Asked by health checks, and by people who have the page's field to write the key into.
OPEN = ("/", "/healthz")


def read_api_key(path, environment):
    """Returns the key of a file, or else of the environment; None where there is neither.

    Args:
        path: A file that holds the key alone, or None.
        environment: The environment's variables, of which `LM_ZOO_API_KEY` counts.

    Raises:
        UserError: If it cannot be read, or is none.
    """
    if not path:
        return None if VARIABLE not in environment else _checked(VARIABLE, environment[VARIABLE])
    path = expanded(path)
    if not path.is_file():
        raise UserError(f"api_key_file: {path} is not a file; give one that holds only the key.")
    try:
        with open_input(path) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"api_key_file: could not read {path}: {error.strerror}.") from None
    return _checked("api_key_file", content.decode("latin-1").strip())


def _checked(name, key):
    """Returns the key; the message never shows what was received instead."""
    if not re.fullmatch("[!-~]{1,4096}", key):
        received = f"{len(key)} characters, some of them not allowed" if key else "nothing"
        raise UserError(
            f"{name}: expected a key of at most 4,096 visible ASCII characters without spaces, "
            f"received {received}; make one with `openssl rand -hex 32`."
        )
    return key


def key_check(key):
    """Returns the check of a `Gate` that refuses those who do not know the key.

    Args:
        key: What `read_api_key` returned.
    """
    expected = None if key is None else _digest(key)

    def check(request, app):
        if expected is not None and request.scope["path"] not in OPEN:
            kind, _, given = request.headers.get("authorization", "").partition(" ")
            # Digests have one length, and are compared in a time that tells nothing.
            is_known = hmac.compare_digest(_digest(given.strip()), expected)
            if not (is_known and kind.lower() == "bearer"):
                received = "another one" if given else "none"
                raise RequestError(
                    "Authorization: expected this server's API key as `Bearer KEY`, received "
                    f"{received}.",
                    401,
                    code="invalid_api_key",
                )
        return app

    return check


def _digest(key):
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
