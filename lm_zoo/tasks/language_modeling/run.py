"""A trained language model as a Python object."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lm_zoo.checked_fields import options_of
from lm_zoo.data.corpora.given_text import given_text
from lm_zoo.data.examples import ExampleSplit, prepared_examples
from lm_zoo.evaluation.embedding import embed_texts
from lm_zoo.evaluation.scoring import score_texts
from lm_zoo.generation import GenerationOptions, generate
from lm_zoo.generation.options import require_special_tokens
from lm_zoo.limits import BATCH_SIZE
from lm_zoo.runs.run import Run
from lm_zoo.text.special_tokens import TEXT
from lm_zoo.types import Array, Path, Texts

if TYPE_CHECKING:
    from lm_zoo.evaluation.ledger import Ledger
    from lm_zoo.generation.generator import Generated
    from lm_zoo.text.tokenizers.tokenizer import Tokenizer


class LanguageModelRun(Run):
    """A `Run` that continues, scores and embeds texts.

    Attributes:
        tokenizer: The tokenizer.
    """

    @property
    def tokenizer(self) -> "Tokenizer":
        return self.task.tokenizer

    def tokens(self, split: str) -> Any:
        """Returns the `TokenSplit` of a split."""
        return self.examples(split).fields["text"]

    def generate(
        self, prompts: Texts = "", on_text: Callable | None = None, **options: Any
    ) -> "list[Generated]":
        """Continues prompts.

        Args:
            prompts: A string or a list of strings; "" begins a text.
            on_text: Called with `(row, piece)` as text appears.
            **options: Fields of `GenerationOptions`, e.g. `max_new_tokens=100, temperature=0.8`.

        Returns:
            A list of `Generated`, `num_return_sequences` for each prompt.
        """
        prompts = [prompts] if isinstance(prompts, str) else list(prompts)
        return generate(
            self.model,
            self.tokenizer,
            prompts,
            options_of(GenerationOptions, "generate", options),
            on_text,
            devices=self.distribution.devices,
        )

    def score(self, texts: Texts, batch_size: int = BATCH_SIZE, special_tokens: str = TEXT) -> list:
        """Returns a `Score` (log-probability, perplexity, each token's surprisal) for each text.

        Args:
            texts: A string or a list of strings.
            batch_size: Texts per batch.
            special_tokens: How a special token written out in a text is read: as `text`, or as the
                token (`control`).
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        require_special_tokens(special_tokens)
        return score_texts(
            self.model, self.tokenizer, texts, batch_size, special_tokens=special_tokens
        )

    def embed(
        self, texts: Texts, batch_size: int = BATCH_SIZE, special_tokens: str = TEXT
    ) -> Array:
        """Returns the vector of each text, float32 `(texts, width)`; see `embed_texts`."""
        texts = [texts] if isinstance(texts, str) else list(texts)
        require_special_tokens(special_tokens)
        return embed_texts(self.model, self.tokenizer, texts, batch_size, special_tokens)

    def evaluate(
        self,
        split: str = "test",
        batch_size: int | None = None,
        sequence_length: Any = None,
        stride: int | None = None,
        context: Any = "auto",
    ) -> "Ledger":
        """Measures perplexity on a split of the run's corpus.

        Args:
            split: `train`, `validation` or `test`.
            batch_size: Streams (carried state) or windows at once; default: 1 stream with carried
                state, which is the exact figure, otherwise the config's.
            sequence_length: Tokens per call, the window; default: the config's.
            stride: New tokens per window; default: the config's.
            context: `carried`, `windows`, or `auto` (carried where the model can).

        Returns:
            A `Ledger`.
        """
        return super().evaluate(
            split, **self._measured(batch_size, sequence_length, stride, context)
        )

    def evaluate_text(
        self, files: Path | Sequence[Path], documents: str | None = None, **options: Any
    ) -> "Ledger":
        """Evaluates perplexity on your own text, which is tokenized as it is and not cleaned.

        Args:
            files: A path or a list of them: files, folders or patterns, as corpus `text_files`
                reads them.
            documents: What a document is in a text file: `stream` (nothing: all is one text),
                `file`, `line` or `paragraph`; None is `file` where the run measures within
                documents, else `stream`.
            **options: Fields of the task's `EvaluationOptions`: `batch_size`, `sequence_length`,
                `stride`, `context`.

        Returns:
            A `Ledger`, whose `split` is the first file's name.

        Raises:
            UserError: If a file cannot be read, or has fewer than two tokens.
        """
        files = [files] if isinstance(files, (str, os.PathLike)) else list(files)
        documents = documents or ("file" if self.task.arguments.within_documents else "stream")
        with self.distribution.chief_first():
            corpus = given_text(list(map(str, files)), documents, self.config.data.cache_dir)
            examples = prepared_examples(self.config, corpus, self.preprocessors).split("train")
        tokens = dataclasses.replace(examples.fields["text"], name=pathlib.Path(files[0]).name)
        examples = ExampleSplit(tokens.name, {"text": tokens})
        ledger = self._evaluated(examples, **self._measured(**options))
        return self._with_origin(ledger, corpus.name)

    def report(self, split: str, options: Any) -> "Ledger":
        values = dataclasses.asdict(options)
        files, documents = values.pop("input"), values.pop("documents")
        if files:
            return self.evaluate_text(files, documents, **values)
        return self.evaluate(split, **values)

    def _measured(self, batch_size=None, sequence_length=None, stride=None, context="auto"):
        """Returns the keywords of the task's `evaluate`."""
        carried = context == "carried" or (context == "auto" and self.model.context_length is None)
        return {
            "batch_size": batch_size or (1 if carried else None),
            "sequence_length": sequence_length,
            "stride": stride,
            "context": context,
        }
