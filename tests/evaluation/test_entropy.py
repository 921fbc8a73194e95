"""No figure stands below the entropy of the text, whatever the tokenizer loses of it."""

import math

import numpy as np
import pytest

from lm_zoo.data.corpora.corpus import TextCorpus
from lm_zoo.data.tokens.token_files import prepare
from lm_zoo.errors import UserError
from lm_zoo.evaluation.compare import compare
from lm_zoo.evaluation.perplexity import Evaluator
from lm_zoo.evaluation.scoring import score_texts
from lm_zoo.text.tokenizers import ByteTokenizer, WordPieceTokenizer, WordTokenizer
from tests.generation.toy import BigramModel
from tests.text.test_lost_text import WORDS, spaced_text

# Words of one byte, so that the best model of bytes sees the last one alone.
LETTERS = tuple("abcdefgh")


def letters_and_spaces(num_words):
    """Eight equally likely words of one letter with 1 to 8 spaces after each: 6 bits a word."""
    rng = np.random.default_rng(0)
    runs = rng.integers(1, 9, num_words)
    return "".join(LETTERS[rng.integers(8)] + " " * run for run in runs)


def best_bigrams(text, tokenizer):
    """The model of the text's own pairs of tokens: none that sees one token is better."""
    ids = tokenizer.encode(text)
    counts = np.full((tokenizer.vocab_size,) * 2, 1e-9)
    np.add.at(counts, (ids[:-1], ids[1:]), 1.0)
    return BigramModel(np.log(counts / counts.sum(axis=1, keepdims=True)))


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory):
    text, cache = letters_and_spaces(3000), tmp_path_factory.mktemp("cache")
    corpus = TextCorpus("spaced", {"train": text, "validation": "", "test": text}, "", "")
    found = {}
    for kind in (ByteTokenizer, WordTokenizer, WordPieceTokenizer):
        tokenizer = kind.train(text, 300 if kind is ByteTokenizer else 20)
        split = prepare(corpus, tokenizer, cache).split("test")
        found[kind.name] = Evaluator(best_bigrams(text, tokenizer), tokenizer, 1).evaluate(split)
    return found


def test_what_loses_text_has_no_bits_per_byte_but_a_lower_bound(ledgers):
    entropy = 6 * 3000 / ledgers["byte"].num_bytes  # bits a byte: a word's 3, and 3 of its spaces
    # A byte's model that sees one byte knows that a letter is followed by spaces, not how many.
    assert entropy < ledgers["byte"].bits_per_byte < 8
    assert ledgers["byte"].bytes_lost == 0 and ledgers["byte"].bits_per_byte_lower_bound is None
    for name in ("word", "wordpiece"):
        ledger = ledgers[name]
        assert ledger.bits_per_byte is None
        assert ledger.bits_per_byte_lower_bound == pytest.approx(entropy / 2, rel=0.01)
        assert ledger.bytes_lost == ledger.num_bytes - 2 * 3000 + 1  # one space between two words
        assert ledger.perplexity == pytest.approx(8, rel=0.01) and ledger.words_lost == 0
    with pytest.raises(UserError, match="must be lossless.*in word .*% of the byte"):
        compare(ledgers)
    assert compare({"a": ledgers["word"], "b": ledgers["word"]}).by == "perplexity"


def test_wordpiece_has_no_perplexity_per_word_where_line_ends_have_no_token(tmp_path):
    text = spaced_text(2000)  # ten words a line
    corpus = TextCorpus("lines", {"train": text, "validation": "", "test": text}, "", "")
    tokenizer = WordPieceTokenizer.train(text, 60)
    split = prepare(corpus, tokenizer, tmp_path).split("test")
    ledger = Evaluator(best_bigrams(text, tokenizer), tokenizer, 1).evaluate(split)
    assert (ledger.num_words, ledger.words_lost) == (2200, 200)
    assert ledger.perplexity_per_word is None
    bound = math.exp(ledger.nll_nats / 2200)
    assert ledger.perplexity_per_word_lower_bound == pytest.approx(bound)
    assert bound < len(WORDS)  # what the words alone need, the line ends not counted


def test_a_text_that_is_scored_alone_is_marked_too():
    text = letters_and_spaces(40)
    for tokenizer, exact in ((ByteTokenizer(), True), (WordTokenizer(LETTERS), False)):
        (score,) = score_texts(best_bigrams(text, tokenizer), tokenizer, [text])
        assert (score.bits_per_byte is not None) == exact == (score.bytes_lost == 0)
        assert (score.bits_per_byte_lower_bound is None) == exact
