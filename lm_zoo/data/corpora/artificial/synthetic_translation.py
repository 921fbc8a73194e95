"""Sentences of a toy language with their one right translation: exact match can reach 100 %."""

import dataclasses
import random

from lm_zoo.checked_fields import field
from lm_zoo.data.corpora.artificial.toy_language import (
    ADJECTIVES,
    ARTICLES,
    INTRANSITIVE,
    NOUNS,
    PLURAL,
    PREPOSITIONS,
    SINGULAR,
    TENSES,
    TRANSITIVE,
    Clause,
    Noun,
    Place,
    Sentence,
)
from lm_zoo.data.corpora.corpus import SPLITS, RecordCorpus
from lm_zoo.data.corpora.shares import HeldOutShares

MAX_WORDS = 14  # words of a source


@dataclasses.dataclass
class SyntheticTranslation(HeldOutShares):
    """Draws different sentences of the toy source language, with their translations.

    No sentence is drawn twice, so that none of validation or test is one of training. Putting
    a word for each word, in order, translates 0.1 % of them; even with the right form of each word
    it would be 1 %.

    Attributes:
        pairs: Number of pairs in the training split.
        seed: Which sentences.
    """

    pairs: int = field(10_000, at_least=10)
    seed: int = 0

    def load(self, cache_dir=""):
        """Returns the `Corpus`."""
        shares = (1.0, self.validation_fraction, self.test_fraction)
        sizes = [round(self.pairs * share) for share in shares]
        drawn = iter(draw_pairs(sum(sizes), self.seed))
        return RecordCorpus(
            name="synthetic_translation",
            splits={name: [next(drawn) for _ in range(size)] for name, size in zip(SPLITS, sizes)},
            source=f"synchronous grammar of {len(NOUNS)} nouns, seed {self.seed}",
            licence="none needed",
            fields=("source", "target"),
        )


def draw_pairs(number, seed):
    """Returns so many `(source, target)` strings, of which no source is another's."""
    draw = _Draw(seed)
    pairs = {}
    while len(pairs) < number:
        sentence = draw.sentence()
        words = sentence.source()
        if len(words) <= MAX_WORDS:
            pairs[" ".join(words)] = " ".join(sentence.target())
    return list(pairs.items())


class _Draw:
    """Draws sentences at random; the same ones in every version of Python for the same seed."""

    def __init__(self, seed):
        self._random = random.Random(seed).random  # the one method whose numbers are promised

    def sentence(self):
        subject = self._noun(more=0.35)
        verb = self._one_of(TRANSITIVE) if self._happens(0.75) else self._one_of(INTRANSITIVE)
        patient = None
        if verb in TRANSITIVE:
            patient = self._noun(more=0.0 if subject.more else 0.35)
        tense = self._one_of(TENSES)
        return Sentence(subject, verb, patient, tense, negated=self._happens(0.3))

    def _noun(self, more=0.0):
        number = PLURAL if self._happens(0.5) else SINGULAR
        articles = [word for word, (numbers, _) in ARTICLES.items() if number in numbers]
        says_more = self._more() if self._happens(more) else None
        return Noun(
            self._one_of(articles), self._adjectives(), self._one_of(NOUNS), number, says_more
        )

    def _more(self):
        if self._happens(0.5):
            return Place(self._one_of(PREPOSITIONS), self._noun())
        if self._happens(0.3):
            return Clause(self._one_of(INTRANSITIVE), None)
        return Clause(self._one_of(TRANSITIVE), self._noun())

    def _adjectives(self):
        """Returns none, one, or two different ones."""
        first, second = self._one_of(ADJECTIVES), self._one_of(ADJECTIVES)
        adjectives = (first, second) if first != second else (first,)
        chance = self._random()
        return adjectives[: 0 if chance < 0.5 else 1 if chance < 0.85 else 2]

    def _one_of(self, things):
        things = list(things)
        return things[int(self._random() * len(things))]

    def _happens(self, probability):
        return self._random() < probability
