"""Results that are shown and kept: shown before what can fail, kept even where showing fails."""

from lm_zoo.errors import UserError


def show_and_keep(shown, what, keep, says_where=True):
    """Prints a result, then writes it to where it is kept.

    Args:
        shown: The text that is printed.
        what: What is kept, for the error.
        keep: Writes it; returns the paths of the files.
        says_where: Whether their paths are printed too.

    Raises:
        UserError: If it could not be written: it says what was not kept, and why.
        OSError: If it could not be printed, as where nobody reads on; it is kept nevertheless.
    """
    try:
        print(shown, flush=True)
    finally:
        try:
            written = keep()
        except UserError as error:
            raise UserError(f"all is shown above; {what} was not kept: {error}") from error
    if says_where:
        print("Written to " + ", ".join(map(str, written)))
