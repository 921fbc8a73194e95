"""Results logged at each validation besides the loss: BLEU, translations, attention."""

import itertools

import numpy as np

from lm_zoo.generation.translation import TranslationOptions, translate
from lm_zoo.tasks.task import ValidationSummaries
from lm_zoo.tasks.translation.attention_picture import (
    attention_picture,
    require_matplotlib,
)
from lm_zoo.tasks.translation.metrics import (
    bleu_counts,
    bleu_of_counts,
    require_sacrebleu,
)


class ValidationTranslations:
    """Translates the first validation sources greedily, each process its share of them.

    Args:
        arguments: The task's `Arguments`, which `check` has passed.
        model: A model that reads a source.
        source_tokenizer: The tokenizer of sources.
        tokenizer: The tokenizer of targets.
        pairs: The validation split's `(source, target)` pairs, an iterable.
        distribution: The `Distribution`.
    """

    def __init__(self, arguments, model, source_tokenizer, tokenizer, pairs, distribution):
        self._arguments = arguments
        self._num_measured = arguments.bleu_pairs
        self._model = model
        self._source_tokenizer = source_tokenizer
        self._tokenizer = tokenizer
        self._distribution = distribution
        number = max(self._num_measured, arguments.sample_translations)
        self._pairs = list(itertools.islice(pairs, number))
        # A validation text that the model cannot read whole is measured by what it can.
        self._options = TranslationOptions(num_beams=1, too_long="truncate")

    @staticmethod
    def check(arguments):
        """Raises a `UserError` where a package is missing that the arguments need."""
        if arguments.bleu_pairs:
            require_sacrebleu("task.bleu_pairs")
        if arguments.attention_pictures:
            require_matplotlib("task.attention_pictures")

    def observe(self):
        """Returns `ValidationSummaries` of the model as it is now; every process has to call it."""
        shown = self._pairs[: self._arguments.sample_translations]
        best = self._translate([source for source, _ in shown])
        scalars = self._bleu() if self._num_measured else {}
        return ValidationSummaries(
            scalars=scalars,
            tables={"translations": _table(shown, best)} if shown else {},
            images=self._pictures(shown, best),
            summary=f"BLEU {scalars['bleu']:.2f}" if scalars else "",
        )

    def _translate(self, sources):
        """Returns the best `Translation` of each source."""
        if not sources:
            return []
        translations = translate(
            self._model,
            self._source_tokenizer,
            self._tokenizer,
            sources,
            self._options,
            devices=self._distribution.devices,
        )
        return [of_source[0] for of_source in translations]

    def _bleu(self):
        worker, num_workers = self._distribution.worker, self._distribution.num_workers
        mine = self._pairs[: self._num_measured][worker::num_workers]
        texts = [translation.text for translation in self._translate([s for s, _ in mine])]
        counts = bleu_counts(texts, [target for _, target in mine])
        return {"bleu": bleu_of_counts(np.array([self._distribution.sum(n) for n in counts]))}

    def _pictures(self, shown, best):
        number = self._arguments.attention_pictures
        return {
            f"attention/{place}": self._picture(source, translation)
            for place, ((source, _), translation) in enumerate(zip(shown[:number], best))
        }

    def _picture(self, source, translation):
        end_id, source_end = self._tokenizer.end_id, self._source_tokenizer.end_id
        source_ids = [*self._source_tokenizer.encode(source)]
        if self._model.source_length is not None:
            source_ids = source_ids[: self._model.source_length - 1]
        target_ids = [i for i in translation.token_ids if i != end_id]
        weights = self._model.attention_weights(
            np.array([[end_id, *target_ids]], np.int32),
            np.array([[*source_ids, source_end]], np.int32),
        )
        mean = np.mean(weights[-1].numpy()[0], axis=0)  # (T, S), of the last layer's heads
        return attention_picture(
            mean,
            [*map(self._source_tokenizer.token_text, source_ids), "<end>"],
            [*map(self._tokenizer.token_text, target_ids), "<end>"],
        )


def _table(pairs, translations):
    """A Markdown table of sources, translations and references."""
    rows = ["| source | translation | reference |", "|---|---|---|"]
    for (source, target), translation in zip(pairs, translations, strict=True):
        rows.append("| " + " | ".join(map(_cell, (source, translation.text, target))) + " |")
    return "\n".join(rows)


def _cell(text):
    """A text in which nothing is taken for markup."""
    for sign in "\\`*_{}[]()<>#+-!|~":
        text = text.replace(sign, "\\" + sign)
    return text.replace("\n", " ")
