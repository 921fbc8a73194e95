"""Arguments that several corpora have: which part of the text validation and test get."""

import dataclasses

from lm_zoo.checked_fields import field, require


@dataclasses.dataclass
class HeldOutShares:
    """Shares of the validation and the test split.

    Attributes:
        validation_fraction: Share of the characters (of a stream), documents or pairs; where text
            is made, of those of the training split, besides them.
        test_fraction: The same share for the test split.
    """

    validation_fraction: float = field(0.05, at_least=0, below=1)
    test_fraction: float = field(0.05, at_least=0, below=1)

    def check(self, config):
        """Raises a `UserError` where the arguments and the rest of the config do not fit."""
        total, expected = (
            self.validation_fraction + self.test_fraction,
            "validation and test below 1",
        )
        require(total < 1, "config.corpus.validation_fraction", f"{expected} together", total)
