"""What translation can be asked for, and the check of it; needs the standard library alone."""

import dataclasses

from lm_zoo.generation.options import SearchOptions, require, require_finite

TOO_LONG = ("error", "truncate")


@dataclasses.dataclass
class TranslationOptions(SearchOptions):
    """How sources are translated: `SearchOptions`, with one beam greedily, and more.

    Attributes:
        max_new_tokens: Most tokens of a translation, the end token included; 0 means twice the
            tokens of its source and 20 more. The model's `context_length` is the bound in any case.
        coverage_penalty: Weight of the penalty for source tokens that got less attention than 1 in
            all (Wu et al. 2016, whose best was 0.2); 0 is off.
        batch_size: Most sources that are translated at once on a device; it changes no result.
        too_long: What becomes of a source longer than the model can read: `error`, or `truncate`,
            which reads its beginning and marks the translation.
    """

    max_new_tokens: int = 0
    num_beams: int = 4
    coverage_penalty: float = 0.0
    batch_size: int = 64
    too_long: str = "error"

    def validate(self):
        """As in `SearchOptions`."""
        super().validate(max_new_tokens=0, batch_size=1)
        require_finite(self, "coverage_penalty")
        require(
            self.coverage_penalty >= 0,
            "coverage_penalty",
            "at least 0 (0: off)",
            self.coverage_penalty,
        )
        self._require_enough_beams()
        require(self.too_long in TOO_LONG, "too_long", " or ".join(TOO_LONG), self.too_long)
        return self
