"""How much a server lets its clients ask for."""

import dataclasses

from lm_zoo.checked_fields import check_fields, field
from lm_zoo.errors import UserError

MAX_STRINGS, MAX_STRING_BYTES = 16, 1000  # stop strings of a text, and the bytes of each


@dataclasses.dataclass
class ServingLimits:
    """What one request may be, and how much may wait; the flags of `lm-zoo serve` are these.

    A prediction's input called NAME is also bounded by the limit `max_NAME`, if there is one.
    """

    max_body_bytes: int = field(2**20, above=0, help="Maximum bytes of a request's body.")
    max_prompt_tokens: int = field(
        4096, above=0, help="Maximum tokens of an input text; the model's own limit applies too."
    )
    max_new_tokens: int = field(2048, above=0, help="Maximum tokens generated per text.")
    max_num_beams: int = field(16, above=0, help="Maximum beams of a search.")
    max_rows: int = field(
        128, above=0, help="Maximum texts per request (for completions: prompts times `n`)."
    )
    max_queue: int = field(
        512, above=0, help="Maximum texts that wait; further ones are answered with 503."
    )
    request_seconds: float = field(
        120.0, above=0, help="A request that takes longer is cancelled and answered with 504."
    )
    max_header_bytes: int = field(
        2**16,
        above=0,
        help="Maximum bytes of the request line and headers; more are answered with 431.",
    )
    max_connections: int = field(
        512,
        above=0,
        help="Maximum open connections, as far as the system's limit on open files allows; beyond "
        "that, the one idle the longest is closed.",
    )
    receive_seconds: float = field(
        20.0,
        above=0,
        help="How long the request line and headers may take to arrive, and then the body; slower "
        "ones are answered with 408.",
    )
    write_seconds: float = field(
        10.0, above=0, help="How long a response waits for a client that does not read it."
    )
    idle_seconds: float = field(
        30.0, above=0, help="How long a connection stays open without a request."
    )

    def most_of(self, each):
        """Returns the largest value of an `Input` of a prediction, or None."""
        name = "new_tokens" if each.bounds_length else each.name
        return getattr(self, f"max_{name}", None)

    def validate(self):
        """Returns the limits; raises a `UserError` for one that nothing could meet."""
        check_fields(self)
        if self.max_rows > self.max_queue:
            raise UserError(
                f"max_queue: expected at least max_rows ({self.max_rows}), so that a whole "
                f"request fits in the queue, received {self.max_queue}."
            )
        return self
