"""Characters by code point, with a limit by frequency."""

import collections

from lm_zoo.text.tokenizers import CharacterTokenizer


def test_ids_follow_code_points():
    tokenizer = CharacterTokenizer.train("héllo 🙂\n")
    assert tokenizer.characters == "\n ehlo\u00e9🙂".replace("e", "", 1)
    assert tokenizer.encode("\n 🙂x").tolist() == [1, 2, 7, 0]
    assert tokenizer.decode([1, 2, 7, 0]) == "\n 🙂\ufffd"


def test_a_limit_keeps_the_most_frequent():
    text = "aaaa bbb cc d d"
    tokenizer = CharacterTokenizer.train([text[:7], text[7:]], vocab_size=4)
    counts = collections.Counter(text)
    assert set(tokenizer.characters) == {c for c, _ in counts.most_common(3)} == {"a", " ", "b"}
    assert set(CharacterTokenizer.train(text, min_count=2).characters) == set("a bcd")
    assert set(CharacterTokenizer.train(text, min_count=3).characters) == set("a b")


def test_tiny_shakespeare_has_65_characters(shared_data):
    text = (shared_data("tinyshakespeare") / "input.txt").read_text(encoding="utf-8")
    tokenizer = CharacterTokenizer.train(text)
    assert tokenizer.vocab_size == 65 + 1  # and <unk>
    assert tokenizer.characters == "".join(sorted(set(text)))
    assert tokenizer.decode(tokenizer.encode(text)) == text
