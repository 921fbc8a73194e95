"""WordPiece agrees with BERT's."""

import json

import numpy as np
import pytest

from lm_zoo.config import TokenizerConfig
from lm_zoo.errors import UserError
from lm_zoo.text.tokenizers import WordPieceTokenizer, train_tokenizer
from tests.text.strings import STRINGS


@pytest.mark.parametrize("lowercase", [False, True])
def test_ids_are_those_of_transformers(lowercase, wordpiece_vocabulary, tmp_path):
    vocabulary = wordpiece_vocabulary
    import transformers

    (tmp_path / "vocab.txt").write_bytes("".join(p + "\n" for p in vocabulary).encode())
    settings = {"do_lower_case": lowercase}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    ours = train_tokenizer(TokenizerConfig(name="wordpiece", path=str(tmp_path)), ())
    ids = {piece: i for i, piece in enumerate(vocabulary)}
    theirs = transformers.BertTokenizer(vocab=ids, do_lower_case=lowercase)
    for text in STRINGS:
        expected = theirs(text, add_special_tokens=False)["input_ids"]
        assert ours.encode(text).tolist() == expected, repr(text[:80])


def test_case_is_read_from_the_vocabulary_where_nothing_says_it(tmp_path):
    config = TokenizerConfig(name="wordpiece", path=str(tmp_path / "vocab.txt"))
    for pieces, lowercase in ((["[UNK]", "a"], True), (["[UNK]", "a", "B"], False)):
        (tmp_path / "vocab.txt").write_text("\n".join(pieces))
        assert train_tokenizer(config, ()).lowercase is lowercase
    (tmp_path / "tokenizer_config.json").write_text(
        '{"do_lower_case": true, "strip_accents": false}'
    )
    tokenizer = train_tokenizer(config, ())
    assert tokenizer.lowercase and not tokenizer.strip_accents


def test_decoding_puts_spaces_between_words_but_not_within_chinese():
    tokenizer = WordPieceTokenizer(["[UNK]", "中", "文", "a", "##b", "."])
    for text, written in [
        ("中 文", "中文"),
        ("a中ab  a\nab.", "a 中 ab a ab ."),
        ("文aabab 中", "文 aabab 中"),
        ("x\n", "[UNK]"),
    ]:
        if text != "文aabab 中":
            assert tokenizer.decode(tokenizer.encode(text)) == written
    assert tokenizer.token_text(4) == "##b" and tokenizer.token_bytes(4) == b"b"


def test_training_is_in_code_point_order_where_counts_are_equal():
    tokenizer = WordPieceTokenizer.train("cb ba ac", vocab_size=7)
    assert tokenizer.pieces == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "##a", "a"]
    whole = WordPieceTokenizer.train("hug " * 10 + "pug " * 5 + "hugs " * 5, vocab_size=100)
    assert {"hug", "##s"} <= set(whole.pieces) and whole.decode(
        whole.encode("hugs pug")
    ) == "hugs pug"
    assert np.array_equal(whole.encode("hugs"), [whole.vocabulary["hugs"]])


@pytest.mark.parametrize(
    "data, message",
    [
        (b"[PAD]\na\nb\n", r"expected \[UNK\] in the vocabulary"),
        (b"[UNK]\na\na\n", "'a' twice"),
        (b"[UNK]\n\xff\n", "not UTF-8"),
    ],
)
def test_a_vocabulary_that_cannot_be_used_is_an_error(tmp_path, data, message):
    (tmp_path / "vocab.txt").write_bytes(data)
    with pytest.raises(UserError, match=message):
        train_tokenizer(TokenizerConfig(name="wordpiece", path=str(tmp_path)), ())


def test_damaged_settings_are_an_error(tmp_path):
    (tmp_path / "vocab.txt").write_text("[UNK]\na")
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": tr')
    with pytest.raises(UserError, match="tokenizer_config.json is damaged"):
        train_tokenizer(TokenizerConfig(name="wordpiece", path=str(tmp_path)), ())
