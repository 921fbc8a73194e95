"""What is wrong with a request, in the forms that clients of the two interfaces expect."""

import json

MAX_SHOWN = 80  # characters of a value in an error message
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    500: "server_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class RequestError(Exception):
    """A request that is not answered with a result.

    Args:
        message: One line: the field, what was expected, what was received, what to do.
        status: The HTTP status.
        param: The request's field, where one is at fault.
        code: A short name of the reason, for programs.
    """

    def __init__(self, message, status=400, param=None, code=None):
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code

    @property
    def headers(self):
        """HTTP headers that go with it."""
        return {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}.get(self.status, {})

    def body_for(self, path):
        """The JSON body in the form of the interface that a path belongs to."""
        is_openai = path.startswith("/v1/") and not path.startswith("/v1/models/")
        return self.as_openai() if is_openai or path == "/v1" else self.as_tensorflow()

    def content_for(self, path):
        """`body_for`, as bytes of ASCII, which everything can be written in."""
        return json.dumps(self.body_for(path)).encode("ascii")

    def as_tensorflow(self):
        """The JSON body as TensorFlow Serving gives it."""
        return {"error": self.message}

    def as_openai(self):
        """The JSON body as the OpenAI API gives it."""
        kind = _TYPES.get(self.status, "invalid_request_error")
        about = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": about}


def shown(value):
    """Returns a value of a request as an error message shows it: JSON, and not too much of it."""
    text = ""
    # Piece by piece, and no more than is shown: the value may be large, and nested very deeply.
    for part in json.JSONEncoder().iterencode(value):
        text += part
        if len(text) > MAX_SHOWN:
            return text[: MAX_SHOWN - 3] + "..."
    return text


def field(name):
    """Returns a field's name as an error message shows it: ASCII, one line, not too long."""
    return shown(name).strip('"')


def refused(name, expected, received):
    """The error for a field of a request that is not what it has to be.

    Args:
        name: The field.
        expected: What it has to be, in words.
        received: What it is, in words.
    """
    return RequestError(f"{name}: expected {expected}, received {received}.", param=name)


def unexpected(name, expected, value):
    """Returns the `RequestError` for a JSON value that is not what was expected."""
    return refused(name, expected, shown(value))


def utf8(name, text):
    """Returns the bytes of a field's string; raises a `RequestError` for halves of characters."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise unexpected(name, "valid Unicode", text) from None


def other_model(name, received):
    """The error for a request to OpenAI's interface that names another model than the served one.

    Args:
        name: Of the model that is served.
        received: What was named, as a message shows it.
    """
    return RequestError(
        f"model: there is no model {received}; this server has {name!r}.",
        404,
        param="model",
        code="model_not_found",
    )


def not_offered(model, what, prediction):
    """The error for a request that needs a prediction which a model does not have.

    Args:
        model: A `ServedModel`.
        what: What was asked for, in the plural.
        prediction: The name that such a prediction usually has.
    """
    return RequestError(
        f"{what} need a prediction such as {prediction!r}, which this model lacks: its task is "
        f"{model.task!r}, and it was exported with {', '.join(map(repr, model.signatures))}. Send "
        f"requests for these to /v1/models/{model.name}:predict, or export it with another "
        "signature.",
        501,
        code="not_offered",
    )


def queue_full(waiting):
    """The error for a request that cannot even wait."""
    return RequestError(
        f"the server is busy: {waiting} texts are already waiting; try again later.",
        503,
        code="busy",
    )


def too_slow(seconds):
    """The error for a request that was not done in time."""
    return RequestError(
        f"the request was cancelled after {seconds:g} seconds; request less, or try again later.",
        504,
        code="timeout",
    )
