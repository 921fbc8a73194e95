"""What tasks have in common whose records are put into buckets of like length."""

import dataclasses

from lm_zoo.checked_fields import field

TOO_LONG = ("error", "truncate", "drop")


@dataclasses.dataclass
class BucketArguments:
    """How records are put into batches.

    Attributes:
        batch_tokens: The most tokens of a text in the global batch, padding included, instead of
            `data.batch_size`; 0 means by `data.batch_size`.
        too_long: What becomes of records longer than the model reads or writes: `error`, `truncate`
            or `drop`.
    """

    batch_tokens: int = field(0, at_least=0)
    too_long: str = field("error", choices=TOO_LONG)
