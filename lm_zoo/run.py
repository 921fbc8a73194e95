"""A trained run as a Python object: `lm_zoo.load(workdir)`."""

import dataclasses

from lm_zoo.checkpoints.choice import find_checkpoint
from lm_zoo.config import IMPORTED
from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.held_out_pairs import read_held_out_pairs
from lm_zoo.data.pair_tokens import prepared_pair_tokens
from lm_zoo.data.preparation import prepared_corpus, prepared_tokens
from lm_zoo.data.text_split import split_of_texts
from lm_zoo.data.token_files import open_tokens
from lm_zoo.distribution.strategies import default_distribution
from lm_zoo.errors import UserError, unknown_name
from lm_zoo.evaluation.embedding import embed_texts
from lm_zoo.evaluation.pair_perplexity import PairEvaluator
from lm_zoo.evaluation.pair_scoring import score_pairs
from lm_zoo.evaluation.perplexity import Evaluator
from lm_zoo.evaluation.scoring import score_texts
from lm_zoo.evaluation.source_embedding import embed_sources
from lm_zoo.evaluation.translation_evaluation import evaluate_translations
from lm_zoo.experiment import build_configured_model
from lm_zoo.generation import GenerationOptions, generate
from lm_zoo.generation.options import require_special_tokens
from lm_zoo.generation.translation import TranslationOptions, translate
from lm_zoo.model_tensors import assign_tensors, model_tensors
from lm_zoo.pair_experiment import experiment_of, load_source_tokenizer
from lm_zoo.run_folder import RunFolder
from lm_zoo.text.special_tokens import TEXT
from lm_zoo.text.tokenizers import load_tokenizer


def train(config, workdir, profile_steps=None):
    """Trains a config into a folder, or goes on with the run that is there.

    Args:
        config: An `ExperimentConfig`.
        workdir: The run's folder; new, empty, or one of the same config.
        profile_steps: `(first, last)`: steps to record with TensorFlow's profiler, or None.

    Returns:
        A `TrainingResult`.

    Raises:
        UserError: For any mistake in the config, the text or the folder, before the first step.
    """
    return experiment_of(config, workdir).train(profile_steps)


def load(workdir, checkpoint="best", distribution=None):
    """Loads a run that `train` wrote.

    Args:
        workdir: The run's folder.
        checkpoint: `"best"` (by validation), `"latest"`, a step number, or `"average:N"`, the mean
            of the N latest.
        distribution: The `Distribution` that the run is evaluated and generates on
            (`lm_zoo.distribution.strategies.make_distribution`); None is the device that TensorFlow
            chooses.

    Returns:
        A `Run`. If the run keeps a moving average of its parameters, the model has the averages.

    Raises:
        UserError: If the folder, its tokenizer or the checkpoint cannot be read.
    """
    distribution = distribution or default_distribution()
    folder = RunFolder(workdir).require()
    config = folder.config()
    found = find_checkpoint(folder.checkpoints, checkpoint)
    _check_all_found(found.step, distribution)
    tokenizer = load_tokenizer(folder.tokenizer)
    source_tokenizer = load_source_tokenizer(folder, tokenizer)
    tensors = dict(found.tensors)
    for name in found.tensors:
        if name.startswith("ema/"):
            tensors["model/" + name.removeprefix("ema/")] = found.tensors[name]
    with distribution.strategy.scope():
        model = build_configured_model(config, tokenizer, source_tokenizer)
        assign_tensors(model_tensors(model), tensors)
    return Run(folder, config, tokenizer, model, found.step, distribution, source_tokenizer)


class Run:
    """A trained model with its tokenizer and config.

    Attributes:
        folder: The `RunFolder`.
        config: The `ExperimentConfig` that it was trained with.
        tokenizer: The tokenizer of the text that the model writes.
        source_tokenizer: That of the sources, for a model that reads some; may be the same.
        model: The `LanguageModel`, a `keras.Model`.
        step: Updates that the loaded checkpoint had seen.
        distribution: The `Distribution` that it evaluates and generates on.
    """

    def __init__(
        self, folder, config, tokenizer, model, step, distribution=None, source_tokenizer=None
    ):
        self.folder = folder
        self.config = config
        self.tokenizer = tokenizer
        self.source_tokenizer = source_tokenizer or tokenizer
        self.model = model
        self.step = step
        self.distribution = distribution or default_distribution()

    def generate(self, prompts="", on_text=None, **options):
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
            _options(GenerationOptions, "generate", options),
            on_text,
            devices=self.distribution.devices,
        )

    def translate(self, sources, **options):
        """Translates texts, by a model that reads a source.

        Args:
            sources: A string or a list of strings.
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
            _options(TranslationOptions, "translate", options),
            devices=self.distribution.devices,
        )

    def score(self, texts, batch_size=16, sources=None, special_tokens=TEXT):
        """Returns a `Score` (log-probability, perplexity, each token's surprisal) for each text.

        Args:
            texts: A string or a list of strings.
            batch_size: Texts read at once.
            sources: For a model that reads a source: that of each text, likewise.
            special_tokens: What a special token that is written out in a text is: `text`, or
                `control`, the token.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        require_special_tokens(special_tokens)
        if sources is None:
            return score_texts(
                self.model, self.tokenizer, texts, batch_size, special_tokens=special_tokens
            )
        sources = [sources] if isinstance(sources, str) else list(sources)
        return score_pairs(
            self.model,
            self.source_tokenizer,
            self.tokenizer,
            sources,
            texts,
            batch_size,
            special_tokens,
        )

    def embed(self, texts, batch_size=16, special_tokens=TEXT):
        """Returns the vector of each text, float32 `(texts, width)`; see `embed_texts`.

        A model that reads a source reads the texts as sources; see `embed_sources`.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        require_special_tokens(special_tokens)
        if self.model.reads_source:
            return embed_sources(
                self.model, self.source_tokenizer, texts, batch_size, special_tokens
            )
        return embed_texts(self.model, self.tokenizer, texts, batch_size, special_tokens)

    def export(self, output, format="saved_model", **options):
        """Writes the model for other programs; see `lm_zoo.export.export.export`.

        Returns:
            `(path, report)`: the folder, and lines of text that say what was verified.
        """
        from lm_zoo.export.export import (
            export,  # what only exporting needs is imported by it
        )

        return export(self, output, format, **options)

    def evaluate(
        self, split="test", batch_size=None, sequence_length=None, stride=None, context="auto"
    ):
        """Measures perplexity on a split of the run's corpus.

        For a run of pairs it is that of the targets given their sources, and of what may be asked
        for only `batch_size` means anything.

        Args:
            split: `train`, `validation` or `test`.
            batch_size: Streams (carried state) or windows at once; default: 1 stream with carried
                state, which is the exact figure, otherwise the config's. Of pairs, as many at once.
            sequence_length: Tokens per call, the window; default: the config's.
            stride: New tokens per window; default: the config's.
            context: `carried`, `windows`, or `auto` (carried where the model can).

        Returns:
            A `Ledger`.
        """
        if self.model.reads_source:
            if sequence_length or stride or context != "auto":
                raise UserError(
                    "context: a target text is read whole after its whole source; leave context, "
                    "sequence_length and stride out."
                )
            ledger = self._pair_ledger(*self.pair_tokens(split), batch_size)
            ledger.corpus = self.folder.data_record()["corpus"]
            return ledger
        tokens = self.tokens(split)
        settings = self.config.evaluation
        carried = context == "carried" or (context == "auto" and self.model.context_length is None)
        evaluator = Evaluator(
            self.model,
            self.tokenizer,
            batch_size=batch_size or (1 if carried else settings.batch_size),
            sequence_length=sequence_length or self.config.evaluation_length,
            stride=stride or settings.stride,
            context_rule=context,
            within_documents=self.config.data.within_documents,
            distribution=self.distribution,
        )
        ledger = evaluator.evaluate(tokens)
        ledger.corpus, ledger.step = self.folder.data_record()["corpus"], self.step
        return ledger

    def evaluate_pairs(self, sources, targets, name="texts", batch_size=None):
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
        splits = (
            split_of_texts(sources, self.source_tokenizer, name),
            split_of_texts(targets, self.tokenizer, name),
        )
        return self._pair_ledger(*splits, batch_size)

    def _pair_ledger(self, sources, targets, batch_size):
        evaluator = PairEvaluator(
            self.model,
            self.tokenizer,
            batch_size=batch_size or self.config.evaluation.batch_size,
            distribution=self.distribution,
        )
        ledger = evaluator.evaluate(sources, targets)
        ledger.step = self.step
        return ledger

    def evaluate_translations(self, sources, references, **settings):
        """Translates sources, and measures the translations by BLEU, chrF and TER.

        Args:
            sources: A list of strings; those of a split, with their references, are `pairs(split)`.
            references: A string for each of them; or a list of several such lists.
            **settings: `metrics`, `tokenize` and `lowercase`, as in
                `lm_zoo.evaluation.translation_metrics.translation_scores`; and fields of
                `TranslationOptions`, e.g. `num_beams=5`.

        Returns:
            A `TranslationEvaluation`.
        """
        return evaluate_translations(self, sources, references, **settings)

    def tokens(self, split):
        """Returns the `TokenSplit`: held out from the run's folder, training from the corpus."""
        self._check_split(split)
        if split != "train":
            return self._held_out(self.folder.held_out, self.tokenizer, split)
        with self.distribution.chief_first():
            corpus = prepared_corpus(self.config)
            tokens = prepared_tokens(self.config, corpus, self.tokenizer)
        self.folder.check_text(tokens, "train")
        return tokens.split("train")

    def pairs(self, split):
        """Returns a split's texts, `(sources, targets)`, two lists; for a run of pairs.

        Args:
            split: `validation` or `test`.
        """
        self._check_split(split, ("validation", "test"))
        return read_held_out_pairs(self.folder.held_out_pairs, split)

    def pair_tokens(self, split):
        """Returns the `(sources, targets)` of a split, a `TokenSplit` each; as `tokens`."""
        self._check_split(split)
        if split != "train":
            return (
                self._held_out(self.folder.held_out_sources, self.source_tokenizer, split),
                self._held_out(self.folder.held_out, self.tokenizer, split),
            )
        with self.distribution.chief_first():
            corpus = prepared_corpus(self.config)
            tokens = prepared_pair_tokens(
                self.config, corpus, self.tokenizer, self.source_tokenizer
            )
        self.folder.check_text(tokens.targets, "train")
        self.folder.check_text(tokens.sources, "train", "source_sha256")
        return tokens.pair_of_splits("train")

    def _held_out(self, directory, tokenizer, split):
        remedy = "restore it from a copy of the run"  # no cache has it
        return open_tokens(directory, tokenizer, remedy=remedy).split(split)

    def _check_split(self, split, splits=SPLITS):
        if split not in splits:
            raise unknown_name("split", split, splits)
        if self.config.data.corpus == IMPORTED:
            raise UserError(
                f"split: the weights in {self.folder.path} were imported, and no {split} text came "
                "with them; `lm-zoo score` measures text that you give."
            )


def _options(kind, name, options):
    """Makes an options object of keywords, naming one that there is not."""
    names = [field.name for field in dataclasses.fields(kind)]
    for option in options:
        if option not in names:
            raise unknown_name(name, option, names)
    return kind(**options)


def _check_all_found(step, distribution):
    """Sees that all processes read the same checkpoint."""
    if distribution.sum(step) != step * distribution.num_workers:
        raise UserError(
            f"checkpoint: this process found step {step}, others found another; expected a "
            "--workdir that all processes share and that no one trains in, or a step number."
        )
