"""The key that clients must know, where the server has one."""

import hashlib
import hmac
import pathlib
import re

from lm_zoo.errors import UserError
from lm_zoo.input_files import open_input
from lm_zoo.serving.middleware import Gate
from lm_zoo.serving.request_error import RequestError

VARIABLE = "LM_ZOO_API_KEY"
MOST_BYTES = 4096
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
    path = pathlib.Path(path).expanduser()
    if not path.is_file():
        raise UserError(f"api_key_file: {path} is not a file; give one that holds the key alone.")
    try:
        with open_input(path) as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"api_key_file: could not read {path}: {error.strerror}.") from None
    return _checked("api_key_file", content.decode("latin-1").strip())


def _checked(name, key):
    """Returns the key; the message never shows what was received instead."""
    if not re.fullmatch("[!-~]{1,4096}", key):
        received = f"{len(key)} characters, others among them" if key else "nothing"
        raise UserError(
            f"{name}: expected a key of at most 4,096 visible ASCII characters without spaces, "
            f"received {received}; make one by `openssl rand -hex 32`."
        )
    return key


class ApiKeyMiddleware(Gate):
    """Refuses those who do not know the key.

    Args:
        app: As in `Gate`.
        tell: As in `Gate`.
        key: What `read_api_key` returned.
    """

    def __init__(self, app, tell, key):
        super().__init__(app, tell)
        self._digest = None if key is None else _digest(key)

    def admit(self, request):
        if self._digest is not None and request.scope["path"] not in OPEN:
            kind, _, given = request.headers.get("authorization", "").partition(" ")
            # Digests have one length, and are compared in a time that tells nothing.
            is_known = hmac.compare_digest(_digest(given.strip()), self._digest)
            if not (is_known and kind.lower() == "bearer"):
                raise _unknown(given)
        return self.app


def _digest(key):
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _unknown(given):
    received = "another one" if given else "none"
    return RequestError(
        f"Authorization: expected this server's API key as `Bearer KEY`, received {received}.",
        401,
        code="invalid_api_key",
    )
