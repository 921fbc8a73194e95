"""WordPiece agrees with BERT's, offline and in the graph."""

import json
import random

import numpy as np
import pytest

from lm_zoo.config import TokenizerConfig
from lm_zoo.errors import UserError
from lm_zoo.text.tokenizers import WordPieceTokenizer, train_tokenizer
from tests.text.strings import STRINGS

# Characters of every kind that BERT's rules tell apart.
ALPHABET = [
    *"aAbZ09 \n\t.,'-[]#_$",
    *"éÉñ\u0301\u0323Åßẞİıǅﬁ",
    *"中漢㐀豈\U00020000。、",
    *"한가\u1112\u1161\u11abกำहिन्",
    *"\0\x01\x7f\x85\xa0\xad\u200b\u200d\u2028\u3000\ufeff\ufffd\ufffe\ue000",
    *"🙂\U000e0001\U000e0100\U00050000\U000f0000\U0010ffff",
    *("[SEP]", "[UNK]", "[MASK]", "[SEP", "##a", "a" * 101),
]


@pytest.fixture(scope="module")
def vocabulary():
    letters = sorted(
        {c for c in "".join(STRINGS) + "".join(ALPHABET) if c.isprintable() and c != " "}
    )
    words = [
        "the",
        "quick",
        "##ing",
        "##re",
        "it",
        "##'",
        "brown",
        "jump",
        "##s",
        "中文",
        "##文",
        "ab",
    ]
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*specials, *letters[::2], *("##" + c for c in letters[::3]), *words]
    return list(dict.fromkeys(pieces))


@pytest.mark.parametrize(
    "lowercase, strip_accents, part_chinese",
    [(True, True, True), (False, False, True), (True, False, False)],
)
def test_every_setting_agrees_in_the_graph(lowercase, strip_accents, part_chinese, vocabulary):
    import tensorflow as tf

    tokenizer = WordPieceTokenizer(vocabulary, lowercase, strip_accents, part_chinese)
    rng = random.Random(0)
    texts = ["".join(rng.choices(ALPHABET, k=rng.randrange(12))) for _ in range(1500)]
    module = tokenizer.in_graph()
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
    module = tokenizer.in_graph()
    ids = module.tokenize(tf.constant([text])).to_list()[0]
    assert ids == tokenizer.encode(text).tolist()


@pytest.mark.parametrize("lowercase", [False, True])
def test_ids_are_those_of_transformers(lowercase, vocabulary, tmp_path):
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


def test_wikitext_2_agrees_in_the_graph(shared_data):
    import tensorflow as tf

    text = (shared_data("wikitext-2") / "valid.txt").read_bytes().decode()[:300_000]
    tokenizer = WordPieceTokenizer.train([text], vocab_size=2000)
    module = tokenizer.in_graph()
    ids = module.tokenize(tf.constant([text])).flat_values.numpy()
    assert ids.tolist() == tokenizer.encode(text).tolist()
    assert tokenizer.vocab_size == 2000 and not (ids == tokenizer.unk_id).any()


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
