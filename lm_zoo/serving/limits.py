"""How much a server lets its clients ask for."""

import dataclasses
import math

from lm_zoo.errors import UserError

MOST_STRINGS, MOST_STRING_BYTES = 16, 1000  # stop strings of a text, and the bytes of each


def limit(default, text):
    """A limit with its default, and what it says, which is also the help of its flag."""
    return dataclasses.field(default=default, metadata={"help": text})


@dataclasses.dataclass(frozen=True)
class ServingLimits:
    """What one request may be, and how much may wait. Each limit says for itself what it is.

    A prediction's input called NAME is also bounded by the limit `max_NAME`, if there is one.
    """

    max_body_bytes: int = limit(2**20, "Most bytes of a request's body.")
    max_prompt_tokens: int = limit(
        4096, "Most tokens of a text that is read; the model's own limit counts too."
    )
    max_new_tokens: int = limit(2048, "Most tokens generated per text.")
    max_num_beams: int = limit(16, "Most beams of a search.")
    max_rows: int = limit(128, "Most texts of one request (of completions: prompts times `n`).")
    max_queue: int = limit(512, "Most texts that wait; one more is answered with 503.")
    request_seconds: float = limit(
        120.0, "After so long a request is given up and answered with 504."
    )
    max_header_bytes: int = limit(
        2**16, "Most bytes of a request's line and headers; more are answered with 431."
    )
    max_connections: int = limit(
        512,
        "Most connections at once, as far as the system's limit of open files allows; of more, the "
        "one that has waited longest for a request is closed.",
    )
    receive_seconds: float = limit(
        20.0,
        "How long a request's line and headers may take to arrive, and then its body; longer is "
        "answered with 408.",
    )
    write_seconds: float = limit(
        10.0, "How long an answer waits for a client that does not read it."
    )
    idle_seconds: float = limit(30.0, "How long a connection stays open without a request.")

    def most_of(self, each):
        """Returns the largest value of an `Input` of a prediction, or None."""
        name = "new_tokens" if each.bounds_length else each.name
        return getattr(self, f"max_{name}", None)

    def validate(self):
        """Returns the limits; raises a `UserError` for one that nothing could meet."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value > 0):
                raise UserError(f"{field.name}: expected a number above 0, received {value!r}.")
        if self.max_rows > self.max_queue:
            raise UserError(
                f"max_queue: expected at least max_rows ({self.max_rows}), so that a whole request "
                f"can wait, received {self.max_queue}."
            )
        return self
