"""What the evaluation of a language model can be asked for; it is read without TensorFlow."""

import dataclasses

from lm_zoo.checked_fields import field
from lm_zoo.evaluation.context_rules import CONTEXT_RULES


@dataclasses.dataclass
class EvaluationOptions:
    """What perplexity is measured on, and how.

    Attributes:
        input: Files of your own text, measured instead of a split, as they are.
        documents: What a document is in them; None is the file where the run measures within
            documents, else all is one stream.
        batch_size: Streams (carried state) or windows at once; None: 1 stream with carried state,
            which is the exact figure, otherwise the config's.
        sequence_length: Tokens per call, the window; None is the config's.
        stride: New tokens that each window scores; None is the config's.
        context: Where a token's context comes from: state carried through the whole text
            (`carried`), `windows`, or `auto` (carried where the model can).
    """

    input: tuple[str, ...] = field(
        (),
        is_path=True,
        names_result=True,
        help="Files with your own text (patterns, folders, .jsonl, .gz, ...), evaluated as they "
        "are instead of a split.",
    )
    documents: str | None = field(
        None,
        help="What a document of --input is: stream (all is one text), file, line or paragraph; "
        "default: stream, or file if the run is evaluated within documents.",
    )
    batch_size: int | None = field(None, at_least=1, help="Streams or windows per batch.")
    sequence_length: int | None = field(None, at_least=1, help="Tokens per call: the window.")
    stride: int | None = field(None, at_least=1, help="New tokens scored by each window.")
    context: str = field(
        "auto",
        choices=CONTEXT_RULES,
        help="Where a token's context comes from: state carried through the whole text, or windows.",
    )
