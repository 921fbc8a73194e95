"""WordPiece in the graph agrees with what it copies."""

import random

import pytest

from lm_zoo.text.in_graph import module_of
from lm_zoo.text.tokenizers import WordPieceTokenizer
from tests.text.strings import STRINGS, WORDPIECE_ALPHABET


@pytest.mark.parametrize(
    "lowercase, strip_accents, part_chinese",
    [(True, True, True), (False, False, True), (True, False, False)],
)
def test_every_setting_agrees_in_the_graph(
    lowercase, strip_accents, part_chinese, wordpiece_vocabulary
):
    import tensorflow as tf

    tokenizer = WordPieceTokenizer(wordpiece_vocabulary, lowercase, strip_accents, part_chinese)
    rng = random.Random(0)
    texts = ["".join(rng.choices(WORDPIECE_ALPHABET, k=rng.randrange(12))) for _ in range(1500)]
    module = module_of(tokenizer)
    rows = module.tokenize(tf.constant(STRINGS + texts)).to_list()
    for text, row in zip(STRINGS + texts, rows, strict=True):
        assert row == tokenizer.encode(text).tolist(), repr(text[:80])


def test_every_character_agrees_in_the_graph():
    import tensorflow as tf

    characters = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    characters = characters[:0x4000] + characters[0x4000:0x40000:7] + characters[0x40000::61]
    # "b" before and after shows what was dropped, what parts words and what is a word.
    text = " ".join(f"b{chr(c)}b" for c in characters)
    pieces = ["[UNK]", "b", "bb", "##b", *map(chr, range(0x21, 0x3000)), "##\u0301", "##a", "##é"]
    tokenizer = WordPieceTokenizer(dict.fromkeys(pieces))
    module = module_of(tokenizer)
    ids = module.tokenize(tf.constant([text])).to_list()[0]
    assert ids == tokenizer.encode(text).tolist()


def test_wikitext_2_agrees_in_the_graph(shared_data):
    import tensorflow as tf

    text = (shared_data("wikitext-2") / "valid.txt").read_bytes().decode()[:300_000]
    tokenizer = WordPieceTokenizer.train([text], vocab_size=2000)
    module = module_of(tokenizer)
    ids = module.tokenize(tf.constant([text])).flat_values.numpy()
    assert ids.tolist() == tokenizer.encode(text).tolist()
    assert tokenizer.vocab_size == 2000 and not (ids == tokenizer.unk_id).any()
