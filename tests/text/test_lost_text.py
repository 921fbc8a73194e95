"""What tokens do not give back is counted byte by byte, against closed forms and brute force."""

import random

import numpy as np
import pytest

from lm_zoo.data.corpora.corpus import TextCorpus
from lm_zoo.data.tokens.token_files import prepare
from lm_zoo.text.cuts import lines, split_text
from lm_zoo.text.lost_text import MAX_LINE_BYTES, Lost, encode_measured, lost_between
from lm_zoo.text.tokenizers import (
    BytePairTokenizer,
    ByteTokenizer,
    CharacterTokenizer,
    SentencePieceUnigramTokenizer,
    WordPieceTokenizer,
    WordTokenizer,
)
from lm_zoo.text.tokenizers.bpe import byte_of

WORDS = ("a", "be", "sea", "dee", "e", "eff", "ge", "h")  # each a piece of wordpiece


def spaced_text(num_words, seed=0):
    """Words with 1 to 8 spaces after each, and ten words a line."""
    rng = random.Random(seed)
    written = []
    for place in range(1, num_words + 1):
        written += [rng.choice(WORDS), " " * rng.randint(1, 8), "\n" * (place % 10 == 0)]
    return "".join(written)


def measured(tokenizer, *texts):
    ids, counts, lost = encode_measured(tokenizer, texts)
    rows, row_counts = tokenizer.encode_batch(texts)
    assert ids.tolist() == rows.tolist() and counts.tolist() == row_counts.tolist()
    return lost


def test_lossless_tokenizers_lose_nothing_of_any_text():
    text = spaced_text(500) + "\n\nTäglich\t \n 中文🙂\r\n"
    for tokenizer in (
        ByteTokenizer(),
        CharacterTokenizer.train(text),
        BytePairTokenizer.train(text, 300),
        SentencePieceUnigramTokenizer.train(text, 310),
    ):
        assert measured(tokenizer, text) == measured(tokenizer, text, "", text[:50]) == (0, 0)


def test_documents_that_cannot_be_cut_at_line_ends_are_not():
    """Llama 3's pattern takes punctuation and the line end after it together."""
    byte_level = sorted(byte_of(), key=byte_of().get)
    vocabulary = {token: i for i, token in enumerate([*byte_level, "!\u010a"])}
    tokenizer = BytePairTokenizer(vocabulary, [("!", "\u010a")], split="llama3")
    assert tokenizer.encode("a!\nb").tolist() == [*b"a", 256, *b"b"] and not tokenizer.in_streams
    assert measured(tokenizer, "a!\nb\n", "", "!\n!\n") == (0, 0)


def test_words_keep_one_space_and_wordpiece_no_line_end():
    text = spaced_text(500)
    gaps_within_lines = 500 - 50
    word = measured(WordTokenizer.train(text), text)
    assert word == (text.count(" ") - gaps_within_lines, 0)
    # A space stands for each line end but the last.
    wordpiece = measured(WordPieceTokenizer.train(text, 40), text)
    assert wordpiece == (text.count(" ") - (500 - 1) + 50, 50)


def test_case_accents_and_unknown_characters_are_lost():
    pieces = ["[UNK]", "the", "cafe", "is", "big"]
    tokenizer = WordPieceTokenizer(pieces, lowercase=True, strip_accents=True)
    assert measured(tokenizer, "The Café is big") == (1 + 3, 2)  # T, C and the two bytes of é
    assert measured(tokenizer, "the cafe is big", "the cafe") == (0, 0)
    assert measured(CharacterTokenizer("abc "), "abc xyz") == (3, 1)
    assert measured(WordTokenizer(["one"]), "one two") == (3, 1)


def test_punctuation_that_gets_spaces_is_not_lost_but_its_word_is():
    tokenizer = WordPieceTokenizer(["[UNK]", "don", "'", "t"])
    assert measured(tokenizer, "don't don't") == (0, 2)


def longest_common(one, other):
    lengths = np.zeros((len(one) + 1, len(other) + 1), int)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            best = max(lengths[i, j + 1], lengths[i + 1, j])
            lengths[i + 1, j + 1] = lengths[i, j] + 1 if a == b else best
    return int(lengths[-1, -1])


def test_lines_are_compared_by_their_longest_common_subsequence():
    rng = random.Random(1)
    for _ in range(100):
        one, other = ("".join(rng.choices("abc  \n", k=rng.randrange(30))).encode() for _ in "ab")
        found = lost_between(one, other)
        if one.split() != other.split():
            assert found.bytes == len(one) - longest_common(one, other)
            words, others = (data.replace(b"\n", b" $ ").decode().split() for data in (one, other))
            assert found.words == len(words) - longest_common(words, others)


def test_long_lines_are_counted_without_being_aligned():
    text = "Many Words " * MAX_LINE_BYTES
    lost = lost_between(text.encode(), text.lower().encode())
    assert lost == Lost(2 * MAX_LINE_BYTES, 0)


def test_a_text_without_line_ends_is_decoded_in_parts():
    """100,000 tokens, of which a part's first one has its space before it."""
    assert measured(WordTokenizer(["a", "b"]), "a b " * 70_000) == (1, 0)
    assert measured(WordTokenizer(["a", "b"]), "a b  " * 70_000) == (70_000 + 1, 0)


@pytest.mark.parametrize("kind", ["word", "wordpiece"])
def test_the_counts_of_token_files_do_not_depend_on_blocks(kind, tmp_path):
    text = spaced_text(3000, seed=1) + "What? Isn't THIS\tunknown\n" * 20
    splits = {"train": text, "validation": text[:500], "test": ""}
    corpus = TextCorpus("spaced", splits, source="a test", licence="CC0-1.0")
    train = {"word": WordTokenizer.train, "wordpiece": WordPieceTokenizer.train}[kind]
    tokenizer = train(spaced_text(500), 40)
    found = []
    for size in (100, 1000, 1 << 22):
        tokens = prepare(corpus, tokenizer, tmp_path / str(size), block_characters=size)
        found.append({n: (s.bytes_lost, s.words_lost) for n, s in tokens.splits.items()})
    assert found[0] == found[1] == found[2]
    assert found[0]["train"] == encode_measured(tokenizer, [text])[2]
    assert found[0]["train"][0] > 10_000 and found[0]["test"] == (0, 0)


def test_lines_are_cut_wherever_a_text_can_be():
    rng = random.Random(2)
    for _ in range(300):
        text = "".join(rng.choices("ab \n\t", k=rng.randrange(40)))
        assert list(lines(text)) == list(split_text(text, 1)) or text == text[:1]
        assert "".join(lines(text)) == text
