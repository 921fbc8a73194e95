"""Arguments that several corpora have: which part of the text validation and test get."""

import dataclasses

from lm_zoo.checked_fields import field, require

SPLIT_BY = ("fraction", "document_hash")


@dataclasses.dataclass
class HeldOutShares:
    """Shares of the validation and the test split.

    Attributes:
        validation_fraction: Share of the characters (of a stream), documents or pairs; where text
            is made, of those of the training split, besides them.
        test_fraction: Likewise.
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


@dataclasses.dataclass
class FileShares(HeldOutShares):
    """Shares of the files of the training split, for splits without files of their own.

    Attributes:
        split_by: `fraction` (validation and test are the end of the text, in this order) or
            `document_hash` (each document's place follows from its own text, each pair's from its
            source, and stays when others are added).
    """

    split_by: str = field("fraction", choices=SPLIT_BY)
