"""A model's negative log-likelihoods of many rows, spread over replicas and processes."""

import tensorflow as tf

from lm_zoo.compiled import compiled_for
from lm_zoo.evaluation.nll import nll_function


class RowScorer:
    """Scores a fixed number of rows at a time, each replica its share of them.

    Rows are spread in order; replicas that have none left score rows of padding. Every process has
    to make the same calls, and gets the scores of all rows, so the sums are everywhere those of one
    device, but for the last bits of matrix products of another height.

    Args:
        model: A built `LanguageModel`, made in the scope of the distribution's strategy.
        num_rows: Rows of each call, over all processes.
        distribution: A `Distribution`.

    Attributes:
        local_rows: Those that this process is to bring, a slice of all.
        initial_state: The state before the first call.
    """

    def __init__(self, model, num_rows, distribution):
        self.num_rows = num_rows
        self.distribution = distribution
        self.layout = distribution.row_layout(max(num_rows, distribution.num_replicas))
        mine = self.layout.local_rows
        self.local_rows = slice(min(mine.start, num_rows), min(mine.stop, num_rows))
        initial_state, self._function = compiled_for(
            model,
            ("evaluation.rows", distribution.strategy),
            lambda reference: _make_functions(reference, distribution),
        )
        self.initial_state = initial_state(self.layout.rows_per_replica)

    def __call__(self, inputs, targets, state, *document_starts):
        """Reads on.

        Args:
            inputs: This process' rows of token ids, numpy int32 `(local rows, length)`.
            targets: The tokens after them.
            state: `initial_state`, or the one that the call before returned.
            *document_starts: Nothing, or booleans of that shape, as `forward` takes.

        Returns:
            `(nll, state)`: nats, a numpy array `(num_rows, length)`, and the state after the rows.
        """
        parts = (self.distribution.scatter_rows(p, self.layout) for p in (inputs, targets))
        starts = (self.distribution.scatter_rows(p, self.layout) for p in document_starts)
        nll, state = self._function(*parts, state, *starts)
        local = self.distribution.local(nll)
        nll = local[0] if self.distribution.num_workers > 1 else tf.concat(local, axis=0)
        return nll.numpy()[: self.num_rows], state


def _make_functions(reference, distribution):
    """Returns `initial_state(rows of a replica)` and the model's `nll_function`, on each replica."""
    strategy, gathers = distribution.strategy, distribution.num_workers > 1
    nll_of_part = nll_function(reference())

    def on_replica(inputs, targets, state, *document_starts):
        nll, state = nll_of_part(inputs, targets, state, *document_starts)
        if gathers:  # every process gets all rows
            nll = tf.distribute.get_replica_context().all_gather(nll, axis=0)
        return nll, state

    @tf.function(autograph=False)
    def on_replicas(inputs, targets, state, *document_starts):
        return strategy.run(on_replica, (inputs, targets, state, *document_starts))

    @tf.function(autograph=False)  # a mirrored strategy warns of calls outside of functions
    def initial_state(rows):
        return strategy.run(lambda: reference().initial_state(rows))

    return initial_state, on_replicas
