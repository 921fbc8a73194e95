"""The toy translation task has one right answer, which is not to be had word by word."""

import collections
import re

import pytest

from lm_zoo.config import CorpusConfig
from lm_zoo.data.corpora import load_corpus
from lm_zoo.data.corpora.artificial.synthetic_translation import draw_pairs
from lm_zoo.data.corpora.artificial.toy_language import NOUNS
from tests.data.toy_parser import translation_of

EXAMPLES = {  # written by hand from the grammar's description
    "the dog sleeps": "lo kano dormas",
    "some cats arrive": "ne mirre vennen",
    "the small dog sees a red bird": "lo kano piro na pilla rossa ke vidas",
    "the small dogs will not see the cat": "van li kani piri la mirra ke vidis sur",
    "a big old house near the rivers did not wait": (
        "van le lumme beri na doma vetta gronda spedan ta"
    ),
    "the girls that follow a boy laughed": "no rabbo ke seggen qui le selle ridden ta",
    "a teacher loves the horse that sleeps": "no dorno dormas qui lo torvo ke ammas",
    "some boys do not hear a stone under the tree": "van ni rabbi lo borko sotu no tekko ke uddis",
}


@pytest.fixture(scope="module")
def pairs():
    return draw_pairs(3000, seed=0)


def test_translations_written_by_hand():
    for source, target in EXAMPLES.items():
        assert translation_of(source) == target


def test_reading_a_source_finds_the_target_it_was_drawn_with(pairs):
    for source, target in pairs:
        assert translation_of(source) == target


def test_the_verb_agrees_with_the_subject_and_not_with_the_nearer_object(pairs):
    """Of sentences whose subject is the first noun and says no more of itself."""
    genders = {stem: "f" if gender else "m" for stem, gender in NOUNS.values()}
    seen = set()
    for source, target in pairs:
        if "that" in source or " ke " not in target or re.search("beri|dopo|sotu", target):
            continue
        subject = target.removeprefix("van ").split()[1]
        verb = re.search(r"ke (\w+)( ta| sur)?$", target)[1]
        expected = {"o": "as", "i": "is", "a": "an", "e": "en"}[subject[-1]]
        assert verb.endswith(expected), target
        assert (subject[-1] in "oi") == (genders[subject[:-1]] == "m")
        seen.add(expected)
    assert len(seen) == 4


def test_word_by_word_fails(pairs):
    """Each word by the target word that goes along with it most, in the source's order."""
    counts, alone = collections.defaultdict(collections.Counter), collections.Counter()
    for source, target in pairs:
        alone.update(set(target.split()))
        for word in set(source.split()):
            counts[word].update(set(target.split()))
    best = {
        word: max(found, key=lambda other: found[other] ** 2 / alone[other])
        for word, found in counts.items()
    }
    right = sum(" ".join(best[word] for word in s.split()) == t for s, t in pairs)
    assert right < 0.02 * len(pairs)


def test_no_sentence_is_in_two_splits_and_none_is_there_twice():
    config = CorpusConfig("synthetic_translation", pairs=2000, test_fraction=0.1)
    corpus = load_corpus(config)
    splits = {split: list(corpus.records(split)) for split in ("train", "validation", "test")}
    assert [len(pairs) for pairs in splits.values()] == [2000, 100, 200]
    sources = [source for pairs in splits.values() for source, _ in pairs]
    assert len(set(sources)) == len(sources)
    assert {len(source.split()) for source in sources} == set(range(3, 15))
    assert list(load_corpus(config).records("test")) == splits["test"]
    assert corpus.fingerprint == load_corpus(config).fingerprint
    config.seed = 1
    assert list(load_corpus(config).records("test")) != splits["test"]
    assert corpus.fingerprint != load_corpus(config).fingerprint
    assert list(corpus.column("target").texts("test")) == [target for _, target in splits["test"]]


@pytest.mark.parametrize(
    "source, wrong",
    [
        ("", "word 1: expected an article, received the end"),
        ("a dogs sleep", "word 2: expected a noun that goes with 'a', received 'dogs'"),
        ("the dog sleep", "word 3: expected a verb that goes with the subject, received 'sleep'"),
        ("the dog sleeps the cat", "word 4: expected the end, received 'the'"),
        ("the dogs does not sleep", "word 3: expected a verb that goes with the subject"),
        ("the dog did sleep", "word 4: expected 'not', received 'sleep'"),
    ],
)
def test_what_is_no_sentence_has_no_translation(source, wrong):
    with pytest.raises(ValueError, match=wrong):
        translation_of(source)
