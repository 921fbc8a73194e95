"""The named parts of a record, which a task says it learns from."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Field:
    """One part of a record, and how it becomes numbers.

    Attributes:
        name: `text`, `source`, `target`, `label`, ...; also its folder in a run.
        kind: `text` (a trained tokenizer), or `label` (one of a closed set, a token of its own).
        shares: The field whose tokenizer it uses unless the config gives it one of its own, or "".
    """

    name: str
    kind: str = "text"
    shares: str = ""
