"""How much a server lets its clients ask for."""

import dataclasses
import math

from lm_zoo.errors import UserError

MOST_STOPS, MOST_STOP_BYTES = 16, 1000  # stop strings of a text, and the bytes of each


@dataclasses.dataclass(frozen=True)
class ServingLimits:
    """What one request may be, and how much may wait.

    Attributes:
        max_body_bytes: Most bytes of a request's body.
        max_prompt_tokens: Most tokens of a prompt or source; the model's own limit counts too.
        max_new_tokens: Most tokens that a request may have generated per text.
        max_num_beams: Most beams of a translation.
        max_rows: Most texts of a prediction, or of a completion (prompts times `n`).
        max_queue: Most texts that wait to be worked on; one more is answered with 503.
        request_seconds: After so long a request is given up and answered with 504.
        max_header_bytes: Most bytes of a request's line and headers.
        max_connections: Most connections; of more, the one that waits longest is closed.
        receive_seconds: How long a request may take to arrive, and then its body.
        write_seconds: How long an answer waits for a client that does not read it.
        idle_seconds: How long a connection stays open without a request.
    """

    max_body_bytes: int = 2**20
    max_prompt_tokens: int = 4096
    max_new_tokens: int = 2048
    max_num_beams: int = 16
    max_rows: int = 128
    max_queue: int = 512
    request_seconds: float = 120.0
    max_header_bytes: int = 2**16
    max_connections: int = 512
    receive_seconds: float = 20.0
    write_seconds: float = 10.0
    idle_seconds: float = 30.0

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
