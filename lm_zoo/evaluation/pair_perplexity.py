"""Perplexity of target texts given their sources: every pair scored once, and the ledger of it."""

import math

import numpy as np
import tensorflow as tf

from lm_zoo.compiled import compiled_for
from lm_zoo.data.pair_batches import PairBatches
from lm_zoo.distribution.open_shapes import of_any_shape
from lm_zoo.distribution.strategies import default_distribution
from lm_zoo.errors import UserError
from lm_zoo.evaluation.ledger import Ledger
from lm_zoo.evaluation.nll import check_vocabulary
from lm_zoo.layers.token_nll import token_nll


class PairEvaluator:
    """Measures a model that reads a source; later calls use the compiled function of the first.

    The context of each target token is the whole source and the target before it, from the end
    token that stands before every target; each target's own end token is scored too. A pair of
    which a side is longer than the model reads or writes is not scored, and counted.

    Args:
        model: A built `SequenceToSequenceModel`.
        tokenizer: The tokenizer of targets.
        batch_size: Pairs at once.
        distribution: The `Distribution` over whose replicas the pairs are dealt, the model made in
            its scope; None is the device that TensorFlow chooses. Every process has to evaluate.

    Raises:
        UserError: If the model cannot be measured so.
    """

    def __init__(self, model, tokenizer, batch_size=32, distribution=None):
        check_vocabulary(model, tokenizer)
        if not model.reads_source:
            raise UserError(
                f"model: expected one that reads a source, received {type(model).__name__}, a "
                "language model; measure it on texts alone."
            )
        if batch_size < 1:
            raise UserError(f"batch_size: expected at least 1, received {batch_size!r}.")
        self.model = model
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.distribution = distribution or default_distribution()

    def evaluate(self, sources, targets, on_progress=None):
        """Measures a split.

        Args:
            sources: `TokenSplit` of the sources, a document each.
            targets: `TokenSplit` of the targets, as many documents.
            on_progress: Called as `on_progress(tokens scored, tokens to score)` after each call of
                the model.

        Returns:
            A `Ledger`; corpus and checkpoint step are the caller's to fill in.

        Raises:
            UserError: If no pair can be scored, or the model gives NaN.
        """
        batches = self._batches(sources, targets)
        nats, tokens = self._sums(batches, on_progress)
        if not np.isfinite(nats):
            raise UserError(
                f"model: expected finite probabilities on the {targets.name} split, received a "
                f"loss of {nats}; load an earlier checkpoint."
            )
        why = ""
        if batches.num_dropped:
            why = f"{batches.num_dropped:,} pairs are too long for the model"
        return Ledger(
            model=self.model.name,
            parameters=sum(math.prod(weight.shape) for weight in self.model.weights),
            split=targets.name,
            text_sha256=targets.text_sha256,
            tokenizer=self.tokenizer.name,
            tokenizer_fingerprint=self.tokenizer.fingerprint,
            context={
                "rule": "source",
                "source_sha256": sources.text_sha256,
                "pairs": batches.num_windows,
                "pairs_not_scored": batches.num_dropped,
            },
            nll_nats=nats,
            tokens_scored=tokens,
            # The end token that stands before the first target is not of its text.
            tokens_not_scored=targets.num_tokens - 1 - tokens,
            why_not_scored=why,
            num_unknown=targets.num_unknown,
            num_words=targets.num_words,
            num_bytes=targets.num_bytes,
            bytes_lost=targets.bytes_lost,
            words_lost=targets.words_lost,
        ).validate()

    def _batches(self, sources, targets):
        """All pairs that fit, in buckets of like length."""
        return PairBatches(
            sources,
            targets,
            # Rows without a pair count nothing, and each replica has to have one.
            batch_size=max(self.batch_size, self.distribution.num_replicas),
            max_source_length=self.model.source_length or 0,
            max_target_length=self.model.context_length or 0,
            too_long="drop",
        )

    def _sums(self, batches, on_progress):
        """Returns `(nats, tokens)`: the sum of the NLL over the targets, and their number."""
        distribution = self.distribution
        layout = distribution.row_layout(batches.num_rows(0))
        nats, tokens = 0.0, 0
        for step in range(batches.steps_per_epoch):
            batch = batches.batch(step, layout.local_rows)
            parts = (batch.inputs, batch.targets, batch.weights, *batch.model_arguments.values())
            dealt = tuple(distribution.deal(part, layout) for part in parts)
            row_sums = compiled_for(
                self.model,
                ("evaluation.pairs", distribution.strategy),
                lambda reference: _make_row_sums(reference, distribution, dealt),
            )
            rows = distribution.local(row_sums(*dealt))
            rows = rows[:1] if distribution.num_workers > 1 else rows
            sums = np.concatenate([part.numpy() for part in rows]).sum(axis=0, dtype=np.float64)
            nats, tokens = nats + float(sums[0]), tokens + int(sums[1])
            if on_progress:
                on_progress(tokens, batches.num_targets)
        return nats, tokens


def _make_row_sums(reference, distribution, dealt):
    """Returns the compiled function that gives each row's nats and tokens, `(rows, 2)`.

    It is traced once for batches of all shapes.
    """
    strategy, gathers = distribution.strategy, distribution.num_workers > 1

    def on_replica(inputs, targets, weights, source_ids, source_lengths):
        logits = reference()(inputs, source_ids=source_ids, source_lengths=source_lengths)
        nll = tf.where(weights > 0.0, token_nll(logits, targets), 0.0)  # (B, T)
        sums = tf.stack([tf.reduce_sum(nll, 1), tf.reduce_sum(weights, 1)], axis=1)  # (B, 2)
        if gathers:  # every process gets all rows
            sums = tf.distribute.get_replica_context().all_gather(sums, axis=0)
        return sums

    return tf.function(
        lambda *rows: strategy.run(on_replica, rows), input_signature=of_any_shape(dealt)
    )
