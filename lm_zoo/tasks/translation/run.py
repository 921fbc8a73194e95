"""A trained translation model as a Python object."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lm_zoo.checked_fields import options_of
from lm_zoo.data.examples import ExampleSplit
from lm_zoo.data.tokens.text_split import split_of_texts
from lm_zoo.errors import UserError
from lm_zoo.generation.options import require_special_tokens
from lm_zoo.generation.translation import TranslationOptions, translate
from lm_zoo.limits import BATCH_SIZE
from lm_zoo.run import Run
from lm_zoo.tasks.translation.embedding import embed_sources
from lm_zoo.tasks.translation.evaluation import evaluate_translations
from lm_zoo.tasks.translation.report import TranslationReport
from lm_zoo.tasks.translation.scoring import score_pairs
from lm_zoo.text.special_tokens import TEXT
from lm_zoo.types import Array, Texts

if TYPE_CHECKING:
    from lm_zoo.evaluation.ledger import Ledger
    from lm_zoo.text.tokenizers.tokenizer import Tokenizer


class TranslationRun(Run):
    """A `Run` that translates, scores translations, and embeds sources.

    Attributes:
        tokenizer: The tokenizer of targets, which the model writes.
        source_tokenizer: That of sources; may be the same object.
    """

    @property
    def tokenizer(self) -> "Tokenizer":
        return self.task.tokenizer

    @property
    def source_tokenizer(self) -> "Tokenizer":
        return self.task.source_tokenizer

    def translate(
        self, sources: Texts, on_progress: Callable | None = None, **options: Any
    ) -> list:
        """Translates texts.

        Args:
            sources: A string or a list of strings.
            on_progress: Called as `on_progress(done, of how many)` after each, or None.
            **options: Fields of `TranslationOptions`, e.g. `num_beams=5, num_return_sequences=3`.

        Returns:
            For each source a list of `Translation`, `num_return_sequences` of them, best first.
        """
        sources = [sources] if isinstance(sources, str) else list(sources)
        return translate(
            self.model,
            self.source_tokenizer,
            self.tokenizer,
            sources,
            options_of(TranslationOptions, "translate", options),
            devices=self.distribution.devices,
            on_progress=on_progress,
        )

    def score(
        self, texts: Texts, sources: Texts, batch_size: int = BATCH_SIZE, special_tokens: str = TEXT
    ) -> list:
        """Returns a `Score` (log-probability, perplexity, each token's surprisal) for each text.

        Args:
            texts: A string or a list of strings.
            sources: The source of each text, a string or a list of strings.
            batch_size: Texts per batch.
            special_tokens: How a special token written out in a text is read: as `text`, or as the
                token (`control`).
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        sources = [sources] if isinstance(sources, str) else list(sources)
        require_special_tokens(special_tokens)
        return score_pairs(
            self.model,
            self.source_tokenizer,
            self.tokenizer,
            sources,
            texts,
            batch_size,
            special_tokens,
        )

    def embed(
        self, texts: Texts, batch_size: int = BATCH_SIZE, special_tokens: str = TEXT
    ) -> Array:
        """Returns the vector of each source, float32 `(texts, width)`; see `embed_sources`."""
        texts = [texts] if isinstance(texts, str) else list(texts)
        require_special_tokens(special_tokens)
        return embed_sources(self.model, self.source_tokenizer, texts, batch_size, special_tokens)

    def evaluate_texts(
        self, sources: Texts, targets: Texts, name: str = "texts", batch_size: int | None = None
    ) -> "Ledger":
        """Measures perplexity of given target texts, given their sources.

        Args:
            sources: A list of strings.
            targets: As many.
            name: What the ledger calls them.
            batch_size: Pairs at once; default: the config's.

        Returns:
            A `Ledger`.
        """
        if len(sources) != len(targets):
            raise UserError(
                f"targets: expected one for each of {len(sources)} sources, received "
                f"{len(targets)}."
            )
        fields = {
            "source": split_of_texts(sources, self.source_tokenizer, name),
            "target": split_of_texts(targets, self.tokenizer, name),
        }
        report = self._evaluated(ExampleSplit(name, fields), batch_size=batch_size)
        return self._with_origin(report, "")

    def report(self, split: str, options: Any) -> Any:
        """Evaluates what `options`, the task's `EvaluationOptions`, ask for."""
        texts, evaluation = None, None
        if options.sources is not None:
            texts = [options.sources, *options.references]
        elif options.metrics:
            texts = list(zip(*self.records(split))) or [(), ()]
        if options.metrics:
            count = options.max_pairs or len(texts[0])
            sources, *references = (list(lines[:count]) for lines in texts)
            search = options.search
            if search["too_long"] is None:
                truncates = self.task.arguments.too_long == "truncate"
                search["too_long"] = "truncate" if truncates else "error"
            evaluation = self.evaluate_translations(
                sources, references, **options.measuring, **search
            )
        if options.sources is not None:
            ledger = self.evaluate_texts(*texts[:2], split, options.batch_size)
            ledger.corpus = "files"
        else:
            ledger = self.evaluate(split, batch_size=options.batch_size)
        return TranslationReport(ledger, evaluation)

    def evaluate_translations(self, sources: Texts, references: Any, **settings: Any) -> Any:
        """Translates sources, and measures the translations by BLEU, chrF and TER.

        Args:
            sources: A list of strings; those of a split, with their references, are
                `records(split)`.
            references: A string for each of them; or a list of several such lists.
            **settings: `metrics`, `tokenize` and `lowercase`, as in
                `lm_zoo.tasks.translation.metrics.translation_scores`; and fields of
                `TranslationOptions`, e.g. `num_beams=5`.

        Returns:
            A `TranslationEvaluation`.
        """
        return evaluate_translations(self, sources, references, **settings)
