"""What evaluating a translation model gives: a ledger, and translations with their scores."""

import dataclasses
import re

from lm_zoo.evaluation.ledger import Ledger
from lm_zoo.tasks.translation.evaluation import TranslationEvaluation


@dataclasses.dataclass
class TranslationReport:
    """A `Report` of the perplexity of targets given their sources, and of translations.

    Attributes:
        ledger: The `Ledger`.
        evaluation: The `TranslationEvaluation`, or None where no translations were asked for.
    """

    ledger: Ledger
    evaluation: TranslationEvaluation | None = None

    @property
    def figures(self):
        scores = self.evaluation.scores if self.evaluation else None
        bleu = {"bleu": scores.bleu} if scores and scores.bleu is not None else {}
        return self.ledger.figures | bleu

    @property
    def identity(self):
        return self.ledger.identity

    def summary(self):
        return self.ledger.summary()

    def __str__(self):
        return self.table()

    def table(self):
        tables = [self.ledger.table()]
        if self.evaluation:
            tables.append(self.evaluation.table())
        return "\n\n".join(tables)

    def to_dict(self):
        found = self._translation()
        return self.ledger.to_dict() | ({"translation": found} if found else {})

    def results(self, name):
        results = self.ledger.results(name)
        if self.evaluation:
            texts = (re.sub("\r\n|\r|\n", " ", t) + "\n" for t in self.evaluation.translations)
            results[f"translation-{name}.json"] = self._translation()
            results[f"translation-{name}.txt"] = "".join(texts)
        return results

    def _translation(self):
        if not self.evaluation:
            return {}
        return {"model": self.ledger.model, "step": self.ledger.step, **self.evaluation.to_dict()}
