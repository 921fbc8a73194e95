"""Translation: a target text is predicted from its source and what was written of it so far."""

import tensorflow as tf

from lm_zoo.data.batching.bucketed_batches import BucketedBatches
from lm_zoo.errors import UserError
from lm_zoo.evaluation.ledger import Ledger
from lm_zoo.evaluation.text_curves import text_curves
from lm_zoo.layers.token_losses import row_losses
from lm_zoo.models.sequence_to_sequence import SequenceToSequenceModel
from lm_zoo.tasks.task import Sums, Task
from lm_zoo.tasks.translation.arguments import FIELDS, MONITORS, Arguments
from lm_zoo.tasks.translation.evaluation_options import EvaluationOptions
from lm_zoo.tasks.translation.inspection import ratio_section
from lm_zoo.tasks.translation.metrics import translation_scores
from lm_zoo.tasks.translation.observation import ValidationTranslations
from lm_zoo.tasks.translation.predictions import PREDICTIONS
from lm_zoo.text.checks import require_vocabulary


class Translation(Task):
    """Predicts the tokens of a target text, its end included, given a source text."""

    name = "translation"
    fields = FIELDS
    monitors = MONITORS
    Arguments = Arguments
    EvaluationOptions = EvaluationOptions
    figures = ("nll", "tokens")
    shown = ("loss", "perplexity")
    predictions = PREDICTIONS
    functions_class = "lm_zoo.tasks.translation.exported:TranslationFunctions"
    parity_class = "lm_zoo.tasks.translation.parity:TranslationParity"
    run_class = "lm_zoo.tasks.translation.run:TranslationRun"

    @property
    def tokenizer(self):
        """The tokenizer of targets."""
        return self.preprocessors["target"]

    @property
    def source_tokenizer(self):
        """The tokenizer of sources; may be the same object."""
        return self.preprocessors["source"]

    @classmethod
    def check_model_class(cls, name, model_class):
        if not issubclass(model_class, SequenceToSequenceModel):
            raise UserError(
                f"config.model.name: the task {cls.name} needs a model that reads a source text "
                f"(`lm-zoo list models`); received the language model {name}."
            )

    def model_arguments(self):
        arguments = {"vocab_size": self.tokenizer.vocab_size}
        if self.source_tokenizer is not self.tokenizer:
            arguments["source_vocab_size"] = self.source_tokenizer.vocab_size
            if "share_embeddings" not in self.config.model.arguments:
                arguments["share_embeddings"] = False
        return arguments

    def check(self, model):
        ValidationTranslations.check(self.arguments)

    def batches(self, split, model, training=True, batch_size=None):
        arguments, config = self.arguments, self.config
        return BucketedBatches(
            split.fields,
            by=("source", "target"),
            batch_size=batch_size or (config.data if training else config.evaluation).batch_size,
            batch_tokens=arguments.batch_tokens if training else 0,
            limits={"source": model.source_length, "target": model.context_length},
            too_long=arguments.too_long if training else "drop",
            seed=self.config.seed,
        )

    def sums(self, model, features, state, training):
        targets, lengths = features["target"], features["target_lengths"]  # (B, T), (B,)
        counts = tf.sequence_mask(lengths, tf.shape(targets)[1])  # (B, T)
        before = tf.fill([tf.shape(targets)[0], 1], self.tokenizer.end_id)
        inputs = tf.where(counts, tf.concat([before, targets[:, :-1]], 1), 0)
        logits = model(
            inputs,
            training=training,
            source_ids=features["source"],
            source_lengths=features["source_lengths"],
        )
        smoothing = self.arguments.label_smoothing if training else 0.0
        objective, nll, tokens = row_losses(logits, targets, counts, smoothing)
        return Sums(objective, tokens, {"nll": nll, "tokens": tokens}), state

    def curves(self, totals, batches):
        return text_curves(totals, batches.fields["target"], bool(self.arguments.label_smoothing))

    def evaluate(self, model, split, distribution=None, on_progress=None, batch_size=None):
        require_vocabulary(self.tokenizer, model.vocab_size)
        return super().evaluate(model, split, distribution, on_progress, batch_size)

    def report(self, model, split, batches, totals):
        sources, targets = split.fields["source"], split.fields["target"]
        why = ""
        if batches.num_dropped:
            why = f"{batches.num_dropped:,} pairs are too long for the model"
        tokens = int(totals["tokens"])
        context = {
            "rule": "source",
            "source_sha256": sources.text_sha256,
            "pairs": batches.num_examples,
            "pairs_not_scored": batches.num_dropped,
        }
        return Ledger.of(
            model,
            self.tokenizer,
            targets,
            context,
            nll_nats=totals["nll"],
            tokens_scored=tokens,
            # The end token that stands before the first target is not of its text.
            tokens_not_scored=targets.num_tokens - 1 - tokens,
            why_not_scored=why,
        )

    def sections(self, examples, split):
        fields = examples.split(split).fields
        return ratio_section(fields["source"], fields["target"])

    def length_limits(self, model, max_length=0):
        longest = min(filter(None, (model.source_length, max_length)), default=None)
        return super().length_limits(model, max_length) | {"source": longest}

    @classmethod
    def evaluate_given(cls, config, folder, split, options):
        if options.translations is None:
            return None
        references = options.references
        if not references:
            references = [[target for _, target in folder.held_out_texts(cls.fields, split)]]
        if len(options.translations) != len(references[0]):
            raise UserError(
                f"--translations: expected {len(references[0]):,} lines, one per pair of the "
                f"{split} split, received {len(options.translations):,}."
            )
        return translation_scores(options.translations, references, **options.measuring)

    def listener(self, model, examples, corpus, distribution):
        return ValidationTranslations(
            self.arguments,
            model,
            self.source_tokenizer,
            self.tokenizer,
            corpus.records("validation"),
            distribution,
        ).observe
