"""Errors that are the user's to mend: one clear line each, printed without a traceback."""

import difflib


class UserError(ValueError):
    """A mistake in what the user gave: a name, a value, a file.

    The message is one line that says which field, what was expected, what was received and what to
    do. The binaries print it and exit with status 2; library callers can catch a `ValueError`.
    """


class LostProcess(Exception):
    """Another process of the group is gone; started again, all go on from the last checkpoint."""


def nearest(name, choices):
    """Returns the member of `choices` spelled most like `name`, or None if nothing is close."""
    by_lower = {str(choice).lower(): str(choice) for choice in choices}
    matches = difflib.get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[matches[0]] if matches else None


def did_you_mean(name, choices, form="{!r}"):
    """Returns ` Did you mean 'bpe'?` with the choice that is nearest; "" if nothing is close."""
    guess = nearest(name, choices)
    return f" Did you mean {form.format(guess)}?" if guess else ""


def unknown_name(field, name, choices):
    """Builds the error for a name that is not among `choices`.

    Args:
        field: What was being named, e.g. `"model.name"` or `"tokenizer.name"`.
        name: What was received.
        choices: The names that exist.

    Returns:
        A `UserError` that names the nearest choice (if one is close) and lists them all.
    """
    hint, listed = did_you_mean(name, choices), ", ".join(sorted(map(str, choices)))
    return UserError(f"{field}: unknown name {name!r}.{hint} Expected one of: {listed}.")
