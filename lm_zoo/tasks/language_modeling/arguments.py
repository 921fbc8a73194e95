"""What `config.task` may say of language modeling; it is read without TensorFlow."""

import dataclasses

from lm_zoo.checked_fields import field
from lm_zoo.data.fields import Field

FIELDS = (Field("text"),)
MONITORS = {"loss": min}  # what `training.best_by` may name, and what is better
LAYOUTS = ("contiguous", "windows", "packed")


@dataclasses.dataclass
class Arguments:
    """How text is cut into batches, and what is shown and measured at validations.

    Attributes:
        layout: `contiguous` (every row is one unbroken stream, state carried from batch to batch:
            truncated back-propagation through time), `windows` (shuffled windows of the text), or
            `packed` (whole documents put together into windows, shuffled).
        sequence_length: Tokens per row and step.
        window_stride: For `windows`: distance between window starts; 0 means `sequence_length`
            (each token is a target once an epoch), 1 means every possible window.
        across_documents: For `packed`: whether attention and state go on from one document of a
            window into the next.
        label_smoothing: Share of each target's probability that is spread evenly over the
            vocabulary (Szegedy et al. 2016); curves and validation show the plain loss besides.
        sample_length: Tokens of text generated for TensorBoard at each validation; 0 is off.
        sample_prompt: What the sample begins with; empty means the tokenizer's start.
        evaluation_sequence_length: Tokens per call of evaluation, and the window of models with
            bounded context; 0 means `sequence_length`.
        evaluation_stride: For windows: how many new tokens each window scores; 0 means half the
            window.
    """

    layout: str = field("contiguous", choices=LAYOUTS)
    sequence_length: int = field(35, at_least=1)
    window_stride: int = field(0, at_least=0)
    across_documents: bool = False
    label_smoothing: float = field(0.0, at_least=0, below=1)
    sample_length: int = field(200, at_least=0)
    sample_prompt: str = ""
    evaluation_sequence_length: int = field(0, at_least=0)
    evaluation_stride: int = field(0, at_least=0)

    @property
    def within_documents(self):
        """Whether each document is read by itself: nothing is known of the one before it."""
        return self.layout == "packed" and not self.across_documents

    @property
    def evaluation_length(self):
        """Tokens per call when perplexity is measured, and the window of bounded models."""
        return self.evaluation_sequence_length or self.sequence_length
