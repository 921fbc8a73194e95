"""What `config.task` may say of text classification; it is read without TensorFlow."""

import dataclasses

from lm_zoo.checked_fields import field
from lm_zoo.data.fields import Field
from lm_zoo.tasks.bucketed import BucketArguments

FIELDS = (Field("text"), Field("label", "label"))
MONITORS = {"loss": min, "accuracy": max, "macro_f1": max}


@dataclasses.dataclass
class Arguments(BucketArguments):
    """How the label is read off a language model's features.

    Attributes:
        pooling: `mean` of the features of all tokens, or those of the `last` one.
        dropout: Share of the pooled features that is dropped in training.
        label_smoothing: Share of each label's probability that is spread evenly over all labels
            (Szegedy et al. 2016); the curves show the plain loss.
    """

    pooling: str = field("mean", choices=("mean", "last"))
    dropout: float = field(0.0, at_least=0, below=1)
    label_smoothing: float = field(0.0, at_least=0, below=1)
