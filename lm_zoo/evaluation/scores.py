"""Scores of a set by metrics that say how they counted: what can be compared if counted alike."""

import dataclasses

from lm_zoo.errors import UserError
from lm_zoo.files.json_files import NotJson, check, natural


@dataclasses.dataclass
class Scores:
    """Scores of one evaluation, as `lm-zoo evaluate` keeps them.

    Attributes:
        num_pairs: Of how many examples.
        labels: Metric -> what people call it; of the first one more is better.
        signatures: Metric -> how it was counted, of those that were.
        values: Metric -> number, of those that were.
    """

    num_pairs: int
    labels: dict[str, str]
    signatures: dict[str, str]
    values: dict[str, float]

    @classmethod
    def from_dict(cls, values):
        """Builds it from what the evaluation wrote, among other values perhaps.

        Raises:
            UserError: For anything else.
        """
        try:
            check(values, _SCORES)
            counted = {metric: values[metric] for metric in values["signatures"]}
            right = all(isinstance(value, float) for value in counted.values())
        except (KeyError, NotJson):
            right = False
        if not right:
            raise UserError(
                f"scores: expected scores that `lm-zoo evaluate` wrote, received {values!r:.80}; "
                "evaluate the run again."
            )
        return cls(values["num_pairs"], values["labels"], values["signatures"], counted)


_SCORES = {"num_pairs": natural, "labels": {str: str}, "signatures": {str: str}}


def is_scores(values):
    """Whether what was read of a file of results are such scores."""
    return isinstance(values, dict) and {"signatures", "labels"} <= values.keys()
