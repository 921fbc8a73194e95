"""A source whose entropy is known, so that a model's perplexity can be held against the truth."""

import bisect
import dataclasses
import itertools
import string

import numpy as np

from lm_zoo.checked_fields import field
from lm_zoo.data.corpora.corpus import SPLITS, TextCorpus
from lm_zoo.data.corpora.shares import HeldOutShares
from lm_zoo.errors import UserError

MAX_CONTEXTS = 4096
FIRST_IDEOGRAPH = 0x4E00  # letters beyond the 52 of ASCII


class SyntheticSource:
    """A stationary Markov chain over letters with random transition probabilities.

    Each context's next-symbol distribution is drawn from a Dirichlet distribution of concentration
    0.5, which makes some symbols likely and others rare, as in real text.

    Args:
        vocab_size: Number of different symbols, at least 2.
        seed: Which chain.
        order: How many symbols back the next one depends on; above 1, a model that forgets its
            state cannot reach the entropy rate.

    Attributes:
        symbols: The letters, one a symbol, as a string.
        transitions: Probabilities, shape `(vocab_size ** order, vocab_size)`. The row of a context
            is its symbols read as the digits of a number, the oldest first.
        stationary: Probability of each context in the long run, shape `(vocab_size ** order,)`.
        entropy_rate: Exact, in nats a symbol: no model can do better in the long run.
    """

    def __init__(self, vocab_size, seed, order=1):
        if vocab_size < 2 or order < 1 or vocab_size**order > MAX_CONTEXTS:
            raise UserError(
                f"corpus.vocab_size: expected 2 or more, and at most {MAX_CONTEXTS} "
                f"contexts, received {vocab_size} symbols at order {order}."
            )
        self.vocab_size = vocab_size
        self.seed = seed
        self.order = order
        letters = string.ascii_letters + "".join(
            map(chr, range(FIRST_IDEOGRAPH, FIRST_IDEOGRAPH + MAX_CONTEXTS))
        )
        self.symbols = letters[:vocab_size]
        rng = np.random.default_rng([seed, vocab_size, order])
        rows = rng.dirichlet(np.full(vocab_size, 0.5), size=vocab_size**order)
        rows = rows + 1e-4  # every symbol can follow every context: one stationary distribution
        self.transitions = rows / rows.sum(axis=1, keepdims=True)
        self.stationary = self._stationary()
        entropies = -np.sum(self.transitions * np.log(self.transitions), axis=1)
        self.entropy_rate = float(self.stationary @ entropies)

    def _next_contexts(self):
        """The context after each context and symbol, shape `(num_contexts, vocab_size)`."""
        contexts = np.arange(len(self.transitions))[:, None]
        return (contexts * self.vocab_size + np.arange(self.vocab_size)) % len(self.transitions)

    def _stationary(self):
        """Power iteration; every entry of `transitions` is positive, so it converges fast."""
        following = self._next_contexts().ravel()
        now = np.full(len(self.transitions), 1 / len(self.transitions))
        for _ in range(1_000_000):
            flow = (now[:, None] * self.transitions).ravel()
            new = np.bincount(following, weights=flow, minlength=len(now))
            done = np.abs(new - now).sum() < 1e-14
            now = new / new.sum()
            if done:
                break
        return now

    def sample(self, num_symbols, seed):
        """Draws a text.

        Args:
            num_symbols: Its length.
            seed: Which sample: an integer, or a sequence of integers.

        Returns:
            A string of `num_symbols` letters, stationary from its first symbol on.
        """
        rng = np.random.default_rng(seed)
        context = int(rng.choice(len(self.stationary), p=self.stationary))
        cumulative = np.cumsum(self.transitions, axis=1)
        cumulative[:, -1] = 1.0  # rounding must not leave a gap at the top
        cumulative, following = cumulative.tolist(), self._next_contexts().tolist()
        drawn = []
        for uniform in rng.random(num_symbols).tolist():
            symbol = bisect.bisect_right(cumulative[context], uniform)
            context = following[context][symbol]
            drawn.append(symbol)
        return "".join(map(self.symbols.__getitem__, drawn))


@dataclasses.dataclass
class Synthetic(HeldOutShares):
    """Draws three independent samples of one first-order source.

    Attributes:
        tokens: Number of symbols in the training split.
        vocab_size: Number of different symbols.
        seed: Which chain.
    """

    tokens: int = field(200_000, at_least=100)
    vocab_size: int = field(8, at_least=2)
    seed: int = 0

    def load(self, cache_dir=""):
        """Returns the `Corpus`."""
        source = SyntheticSource(self.vocab_size, self.seed)
        shares = (1.0, self.validation_fraction, self.test_fraction)
        sizes = [round(self.tokens * share) for share in shares]
        splits = {
            name: source.sample(size, (self.seed, number))
            for name, size, number in zip(SPLITS, sizes, itertools.count(1))
        }
        return TextCorpus(
            name="synthetic",
            splits=splits,
            source=(
                f"Markov chain of {source.vocab_size} symbols, seed {source.seed}, entropy rate "
                f"{source.entropy_rate:.6f} nats a symbol"
            ),
            licence="none needed",
        )
