"""An experiment on pairs of texts, for models that read one and write the other."""

from lm_zoo.data.cache import writing
from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.held_out_pairs import write_held_out_pairs
from lm_zoo.data.pair_batches import PairBatches
from lm_zoo.data.pair_tokens import pair_data_record, prepared_pair_tokens
from lm_zoo.data.preparation import prepared_tokenizers
from lm_zoo.evaluation.pair_perplexity import PairEvaluator
from lm_zoo.experiment import (
    Experiment,
    build_configured_model,
    describe_tokens,
    shown_count,
)
from lm_zoo.text.tokenizers import load_tokenizer
from lm_zoo.validation_translations import ValidationTranslations

SUMMARY_LENGTH = 35  # tokens, of the shapes in the model's table


def experiment_of(config, *arguments):
    """Returns the `Experiment` or `PairExperiment` of a config; the arguments are theirs."""
    kind = PairExperiment if config.task.name == "translation" else Experiment
    return kind(config, *arguments)


class PairExperiment(Experiment):
    """As `Experiment`; the corpus is a `PairCorpus`, the tokens are `PairTokens`.

    Attributes:
        source_tokenizer: The tokenizer of sources: `tokenizer` itself where both sides share one.
    """

    def _load_tokenizers(self):
        super()._load_tokenizers()
        self.source_tokenizer = load_source_tokenizer(self.folder, self.tokenizer)

    def _make_tokenizers(self, observer):
        self.tokenizer, self.source_tokenizer = prepared_tokenizers(
            self.config, self.corpus, observer
        )

    def _build_model(self):
        return build_configured_model(self.config, self.tokenizer, self.source_tokenizer)

    def _training_batches(self):
        return pair_batches(self.config, self.model, self.tokens, "train")

    def _prepare_tokens(self, observer):
        self.tokens = prepared_pair_tokens(
            self.config, self.corpus, self.tokenizer, self.source_tokenizer, observer
        )
        self.data_record = pair_data_record(
            self.corpus, self.tokenizer, self.source_tokenizer, self.tokens
        )
        if self.folder.begun():
            for split in SPLITS:
                self.folder.check_text(self.tokens.targets, split)
                self.folder.check_text(self.tokens.sources, split, "source_sha256")

    def _split_entries(self):
        return self.tokens.targets.manifest["splits"]

    def _describe_tokens(self):
        pairs = ", ".join(f"{name} {shown_count(self.tokens.num_pairs(name))}" for name in SPLITS)
        return [
            f"Pairs: {pairs}",
            describe_tokens(self.source_tokenizer, self.tokens.sources, "Source tokens"),
            describe_tokens(self.tokenizer, self.tokens.targets, "Target tokens"),
        ]

    @property
    def _row_length(self):
        return SUMMARY_LENGTH

    def _describe_batches(self):
        data, task, batches = self.config.data, self.config.task, self.batches
        size = f"{data.batch_size} pairs"
        if task.batch_tokens:
            size = f"at most {task.batch_tokens:,} tokens a side"
        lines = f"{size}, in buckets of like length ({batches.padding:.2%} padding)"
        if batches.num_dropped:
            lines += f", {batches.num_dropped:,} pairs too long and dropped"
        if batches.num_truncated:
            lines += f", {batches.num_truncated:,} pairs too long and truncated"
        return lines

    def _begin_run(self):
        with writing(self.folder.path, "workdir"):
            self.folder.path.mkdir(parents=True, exist_ok=True)
        if self.source_tokenizer is not self.tokenizer:
            self.source_tokenizer.save(self.folder.source_tokenizer)
        self.folder.hold_out(self.tokens.sources, self.folder.held_out_sources)
        write_held_out_pairs(self.corpus, self.folder.held_out_pairs)
        self.folder.begin(self.config, self.tokenizer, self.tokens.targets, self.data_record)

    def _validation(self):
        sources, targets = self.tokens.pair_of_splits("validation")
        if not self.tokens.num_pairs("validation"):
            return None
        evaluator = PairEvaluator(
            self.model,
            self.tokenizer,
            batch_size=self.config.evaluation.batch_size,
            distribution=self.distribution.for_evaluation,
        )
        return lambda: evaluator.evaluate(sources, targets)

    def _check_sampling(self):
        ValidationTranslations.check(self.config)

    def _observation(self):
        return ValidationTranslations(
            self.config,
            self.model,
            self.source_tokenizer,
            self.tokenizer,
            self.corpus.pairs("validation"),
            self.distribution,
        ).observe


def load_source_tokenizer(folder, tokenizer):
    """Returns the tokenizer of sources of a run of pairs: its own, or `tokenizer`."""
    if folder.source_tokenizer.is_dir():
        return load_tokenizer(folder.source_tokenizer)
    return tokenizer


def pair_batches(config, model, tokens, split):
    """Returns the `PairBatches` of a split of `PairTokens`."""
    data, task = config.data, config.task
    return PairBatches(
        *tokens.pair_of_splits(split),
        batch_size=data.batch_size,
        batch_tokens=task.batch_tokens,
        max_source_length=model.source_length or 0,
        max_target_length=model.context_length or 0,
        too_long=task.too_long,
        seed=config.seed,
    )
