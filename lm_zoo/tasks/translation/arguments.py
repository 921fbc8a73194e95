"""What `config.task` may say of translation; it is read without TensorFlow."""

import dataclasses

from lm_zoo.checked_fields import field, require
from lm_zoo.data.fields import Field
from lm_zoo.tasks.bucketed import BucketArguments

FIELDS = (Field("source", shares="target"), Field("target"))
METRICS = {"bleu": "BLEU", "chrf": "chrF", "ter": "TER"}  # name -> what people call it
MONITORS = {"loss": min, "bleu": max}  # what `training.best_by` may name, and what is better


@dataclasses.dataclass
class Arguments(BucketArguments):
    """How pairs are put into batches, and what is shown and measured at validations.

    Attributes:
        label_smoothing: Share of each target's probability that is spread evenly over the
            vocabulary (Szegedy et al. 2016); curves and validation show the plain loss besides.
        sample_translations: How many validation sources are translated for TensorBoard at each
            validation; 0 is off.
        attention_pictures: Of how many of them TensorBoard gets a picture of what each target token
            looks at in the source.
        bleu_pairs: How many validation pairs are translated at each validation, greedily and for
            BLEU; 0 is off.
    """

    label_smoothing: float = field(0.0, at_least=0, below=1)
    sample_translations: int = field(4, at_least=0)
    attention_pictures: int = field(0, at_least=0)
    bleu_pairs: int = field(0, at_least=0)

    def check(self, config):
        """Raises a `UserError` where the arguments and the rest of the config do not fit."""
        if config.training.best_by == "bleu":
            expected = "above 0 with training.best_by='bleu'"
            require(self.bleu_pairs > 0, "config.task.bleu_pairs", expected, self.bleu_pairs)
