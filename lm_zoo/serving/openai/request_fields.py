"""What requests for completions and for embeddings have in common."""

from lm_zoo.errors import did_you_mean
from lm_zoo.serving.http.request_error import RequestError, field, other_model, shown


def check_names(body, known):
    """Raises a `RequestError` for a parameter that is not among those known."""
    for name in body:
        if name not in known:
            shown_name, hint = field(name), did_you_mean(name, known)
            raise RequestError(f"{shown_name}: there is no such parameter.{hint}", param=shown_name)


def check_model(body, name):
    """Raises a `RequestError` for a request to another model than the one called `name`."""
    if body.get("model", name) != name:
        raise other_model(name, shown(body["model"]))


def is_whole(value):
    """Whether a JSON value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def begins_with_id(value):
    """Whether a JSON value is a list that begins with a token id."""
    return isinstance(value, list) and bool(value) and is_whole(value[0])
