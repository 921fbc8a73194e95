"""An experiment on pairs of texts, for models that read one and write the other."""

from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.pair_batches import PairBatches
from lm_zoo.evaluation.pair_perplexity import PairEvaluator
from lm_zoo.experiment import (
    Experiment,
    build_configured_model,
    describe_tokens,
    shown_count,
)
from lm_zoo.validation_translations import ValidationTranslations

SUMMARY_LENGTH = 35  # tokens, of the shapes in the model's table


def experiment_of(config, *arguments):
    """Returns the `Experiment` or `PairExperiment` of a config; the arguments are theirs."""
    kind = PairExperiment if config.task.name == "translation" else Experiment
    return kind(config, *arguments)


class PairExperiment(Experiment):
    """As `Experiment`, of records with a source and a target."""

    @property
    def tokenizer(self):
        return self.preprocessors["target"]

    @property
    def source_tokenizer(self):
        return self.preprocessors["source"]

    def _build_model(self):
        return build_configured_model(self.config, self.tokenizer, self.source_tokenizer)

    def _training_batches(self):
        return pair_batches(self.config, self.model, self.examples.split("train"))

    def _describe_tokens(self):
        counts = {name: self.examples.split(name).num_examples for name in SPLITS}
        pairs = ", ".join(f"{name} {shown_count(count)}" for name, count in counts.items())
        sources, targets = self.examples.fields.values()
        return [
            f"Pairs: {pairs}",
            describe_tokens(self.source_tokenizer, sources, "Source tokens"),
            describe_tokens(self.tokenizer, targets, "Target tokens"),
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

    def _validation(self):
        split = self.examples.split("validation")
        if not split.num_examples:
            return None
        evaluator = PairEvaluator(
            self.model,
            self.tokenizer,
            batch_size=self.config.evaluation.batch_size,
            distribution=self.distribution.for_evaluation,
        )
        return lambda: evaluator.evaluate(*split.fields.values())

    def _check_sampling(self):
        ValidationTranslations.check(self.config)

    def _observation(self):
        return ValidationTranslations(
            self.config,
            self.model,
            self.source_tokenizer,
            self.tokenizer,
            self.corpus.records("validation"),
            self.distribution,
        ).observe


def pair_batches(config, model, split):
    """Returns the `PairBatches` of an `ExampleSplit`."""
    data, task = config.data, config.task
    return PairBatches(
        *split.fields.values(),
        batch_size=data.batch_size,
        batch_tokens=task.batch_tokens,
        max_source_length=model.source_length or 0,
        max_target_length=model.context_length or 0,
        too_long=task.too_long,
        seed=config.seed,
    )
