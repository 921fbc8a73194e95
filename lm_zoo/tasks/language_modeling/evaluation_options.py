"""What the evaluation of a language model can be asked for; it is read without TensorFlow."""

import dataclasses

from lm_zoo.checked_fields import field
from lm_zoo.evaluation.context_rules import CONTEXT_RULES


@dataclasses.dataclass
class EvaluationOptions:
    """How perplexity is measured.

    Attributes:
        batch_size: Streams (carried state) or windows at once; None: 1 stream with carried state,
            which is the exact figure, otherwise the config's.
        sequence_length: Tokens per call, the window; None is the config's.
        stride: New tokens that each window scores; None is the config's.
        context: Where a token's context comes from: state carried through the whole text
            (`carried`), `windows`, or `auto` (carried where the model can).
    """

    batch_size: int | None = field(None, at_least=1, help="Streams or windows at once.")
    sequence_length: int | None = field(None, at_least=1, help="Tokens per call: the window.")
    stride: int | None = field(None, at_least=1, help="New tokens that each window scores.")
    context: str = field(
        "auto",
        choices=CONTEXT_RULES,
        help="Where a token's context comes from: state carried through the whole text, or windows.",
    )
