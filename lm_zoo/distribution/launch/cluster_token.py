"""A secret that the processes of a cluster share, and lines that only they can write.

Each line carries a code (HMAC-SHA256) made with the token, so the token itself never goes over the
network. Without a token anybody can write such lines.
"""

import hashlib
import hmac
import json
import os

from lm_zoo.errors import UserError
from lm_zoo.files import reason
from lm_zoo.files.input_files import read_input
from lm_zoo.files.json_files import parse_json

VARIABLE = "LM_ZOO_CLUSTER_TOKEN"
FILE_VARIABLE = "LM_ZOO_CLUSTER_TOKEN_FILE"
MIN_CHARACTERS = 16  # a shorter one can be guessed
MAX_BYTES = 1 << 16  # of a file with a token
HOW = "make one with `openssl rand -hex 32`, the same for all processes"


def find_token(environment=None):
    """Returns the cluster's token from the environment or the file that it names; b"" for none.

    Raises:
        UserError: For a token that is too short, a file that cannot be read, or both variables.
    """
    environment = os.environ if environment is None else environment
    text, path = environment.get(VARIABLE, ""), environment.get(FILE_VARIABLE, "")
    if text and path:
        raise UserError(f"{VARIABLE}: {FILE_VARIABLE} is set too; set only one of them.")
    name = VARIABLE
    if path:
        name = f"{FILE_VARIABLE}: {path}"
        try:
            text = str(read_input(path, MAX_BYTES), "utf-8")
        except OSError as error:
            raise UserError(f"{name}: {reason(error)}; give a file with a token: {HOW}.") from None
        except UnicodeDecodeError:
            text = ""
    token = text.strip()
    if len(token) < MIN_CHARACTERS and (path or text):
        raise UserError(
            f"{name}: expected at least {MIN_CHARACTERS} characters of text, received "
            f"{len(token)}; {HOW}."
        )
    return token.encode()


class SealedLines:
    """Writes and reads messages, each in one line with its code.

    Args:
        token: What `find_token` returned.
    """

    def __init__(self, token):
        self._token = token

    def seal(self, kind, message):
        """Returns a line, bytes.

        Args:
            kind: What the message is for, bytes: a line for one thing is no good for another.
            message: A JSON-ready dictionary.
        """
        text = json.dumps(message).encode()
        return self._code(kind, text) + b" " + text + b"\n"

    def open(self, kind, line):
        """Returns the message of a line that was sealed with the same token.

        Raises:
            ValueError: If it was not, or is not a message.
        """
        code, _, text = line.rstrip(b"\n").partition(b" ")
        if not hmac.compare_digest(code, self._code(kind, text)):  # takes the same time for all
            raise ValueError("not sealed with the cluster's token")
        return parse_json(text, dict)

    def _code(self, kind, text):
        return hmac.new(self._token, kind + b"\0" + text, hashlib.sha256).hexdigest().encode()
