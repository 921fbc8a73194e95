"""Byte-level BPE agrees with GPT-2, offline and in the graph."""

import json
import random

import numpy as np
import pytest

from lm_zoo.config import TokenizerConfig
from lm_zoo.errors import UserError
from lm_zoo.text.cuts import parts
from lm_zoo.text.tokenizers import (
    BytePairTokenizer,
    bpe,
    library,
    load_tokenizer,
    train_tokenizer,
)
from lm_zoo.text.tokenizers.bpe_splits import SPLITS
from tests.text.strings import STRINGS


@pytest.fixture(scope="module")
def gpt2(shared_data):
    config = TokenizerConfig(name="bpe", path=str(shared_data("gpt2_bpe")))
    return train_tokenizer(config, [])


@pytest.fixture(scope="module")
def gpt2_in_graph(gpt2):
    return gpt2.in_graph()


@pytest.fixture(scope="module")
def published(shared_data):
    """Text and GPT-2's ids for it, from three other implementations' tests."""
    folder = shared_data("gpt2_bpe") / "tests"
    texts = (folder / "llamacpp_gpt2.inp").read_bytes().decode().split("\n__ggml_vocab_test__\n")
    lines = (folder / "llamacpp_gpt2.out").read_text().split("\n")
    cases = [(text, [int(i) for i in line.split()]) for text, line in zip(texts, lines)]
    assert len(cases) == len(texts) == 47
    cases += json.loads((folder / "gpt3_encoder_cases.json").read_text(encoding="utf-8")).items()
    long = json.loads((folder / "swift_encoded_tokens.json").read_text(encoding="utf-8"))
    return cases + [(long["text"], long["token_ids"])]


def test_every_published_id_is_met(gpt2, gpt2_in_graph, published):
    import tensorflow as tf

    assert (gpt2.vocab_size, gpt2.eos_id) == (50257, 50256)
    in_graph = gpt2_in_graph.tokenize(tf.constant([text for text, _ in published])).to_list()
    for (text, ids), row in zip(published, in_graph, strict=True):
        assert gpt2.encode(text).tolist() == ids
        assert row == ids
        assert gpt2.decode(ids) == text


def test_gpt2_in_the_graph_agrees_on_every_string(gpt2, gpt2_in_graph):
    import tensorflow as tf

    for text, row in zip(STRINGS, gpt2_in_graph.tokenize(tf.constant(STRINGS)).to_list()):
        assert row == gpt2.encode(text).tolist(), repr(text[:80])


ALPHABETS = {
    "contractions": ["'", "'", " ", "s", "t", "r", "e", "v", "l", "m", "d", "\n", "S", "1", "!"],
    "spaces": [*" \n\t\r\x0b\x0c\x1c\x85\u00a0\u2003\u3000\u2028\u200b\ufeff\0a1.", "  "],
    "specials": ["<|endoftext|>", "<|", "|>", "endoftext", "<", ">", " ", "\n", "a", "'s"],
    "letters": [*"aZé中९½६٣ǅʰ_’🙂\u0301\u0903\U0001f468\u200d\U000e0001\U0010ffff", "  ", "'"],
}


@pytest.mark.parametrize("alphabet", sorted(ALPHABETS))
def test_in_the_graph_agrees_on_random_strings(alphabet, trained):
    import tensorflow as tf

    rng = random.Random(alphabet)
    texts = ["".join(rng.choices(ALPHABETS[alphabet], k=rng.randrange(16))) for _ in range(1500)]
    module = trained["bpe"].in_graph()
    rows = module.tokenize(tf.constant(texts)).to_list()
    for text, row in zip(texts, rows, strict=True):
        assert row == trained["bpe"].encode(text).tolist(), repr(text)


@pytest.fixture(scope="module", params=sorted(SPLITS))
def split(request):
    return request.param


@pytest.fixture(scope="module")
def pieces_in_graph(split):
    """Returns a function that says where pieces of some texts begin in the graph."""
    import tensorflow as tf

    from lm_zoo.text.tokenizers.bpe_pieces_in_graph import piece_starts, shift

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32)] * 2)
    def starts_of(characters, rows):
        starts = piece_starts(SPLITS[split], characters, rows != shift(rows, 1, -1))
        return tf.where(starts)[:, 0]

    def pieces(*texts):
        rows = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
        characters = np.array([ord(c) for c in "".join(texts)])
        return starts_of(characters.astype(np.int32), rows.astype(np.int32)).numpy().tolist()

    return pieces


def pieces_of_the_library(text, split):
    splitter = bpe._library_tokenizer({}, [], split).pre_tokenizer
    return [start for _, (start, _) in splitter.pre_tokenize_str(text)]


def test_in_the_graph_cuts_random_strings_into_the_same_pieces(pieces_in_graph, split):
    """Compared themselves, since ids show a wrong cut only where a merge would cross it."""
    rng = random.Random(0)
    alphabets = [ALPHABETS[name] for name in sorted(ALPHABETS) if name != "specials"]
    for text in STRINGS + ["".join(rng.choices(rng.choice(alphabets), k=500)) for _ in range(300)]:
        if "<|endoftext|>" not in text and text:
            assert pieces_in_graph(text) == pieces_of_the_library(text, split), repr(text[:80])


def test_in_the_graph_cuts_each_text_of_a_batch_as_if_alone(pieces_in_graph, split):
    """The texts of a batch lie end to end in memory, and none may look into the next."""
    rng = random.Random(0)
    texts = ["'r", "e", "'", "s", "'l", "l", "a ", " b", "c", "d  ", "\n", "1", " ", "x"]
    texts += ["!", "\n", "!", "a", "\r", "\n", "'", "S", "12", "34", "\t", "a", " ", "!"]
    texts += ["".join(rng.choices("'' srevl\n1!", k=rng.randrange(1, 4))) for _ in range(2000)]
    expected, before = [], 0
    for text in texts:
        expected += [before + start for start in pieces_of_the_library(text, split)]
        before += len(text)
    assert pieces_in_graph(*texts) == expected


def test_in_the_graph_knows_the_class_of_every_character(pieces_in_graph, split):
    """Next to a letter and a number, a character shows whether it is one of them, or a space."""
    characters = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    text = "".join(f"a{chr(c)}1\n" for c in characters[:0x20000] + characters[0x20000::61])
    assert pieces_in_graph(text) == pieces_of_the_library(text, split)


def test_in_the_graph_agrees_with_merges_learned_out_of_order():
    """A token may be made by a pair learned after one that uses the token."""
    import tensorflow as tf

    alphabet = list(bpe.byte_of())
    merges = [("a", "b"), ("ab", "c"), ("abc", "a"), ("b", "c"), ("a", "bc"), ("abc", "abc")]
    merges = [merges[i] for i in (3, 2, 5, 4, 0, 1)]
    tokens = [*alphabet, *dict.fromkeys("".join(pair) for pair in merges)]
    tokenizer = BytePairTokenizer({token: i for i, token in enumerate(tokens)}, merges)
    module = tokenizer.in_graph()
    assert module._rules.one_at_a_time.any()
    rng = random.Random(0)
    texts = ["".join(rng.choices("aabbcc", k=rng.randrange(30))) + "abcabcabc" for _ in range(500)]
    rows = module.tokenize(tf.constant(texts)).to_list()
    assert rows == [tokenizer.encode(text).tolist() for text in texts]


def test_bytes_that_are_not_utf8_become_replacement_characters(trained):
    import tensorflow as tf

    module = trained["bpe"].in_graph()
    rows = module.tokenize(tf.constant([b"a\xff b", b"\xe4\xb8"])).to_list()
    assert rows[0] == trained["bpe"].encode("a\ufffd b").tolist()
    assert set(rows[1]) == set(trained["bpe"].encode("\ufffd").tolist())


def test_cutting_a_long_text_changes_no_token(trained, training_text, monkeypatch):
    tokenizer = trained["bpe"]
    rng = random.Random(1)
    pieces = [
        "word.\n",
        "a \n",
        "\n\n",
        " \n ",
        "x\r\n",
        "é\n",
        "中。\n",
        "e\u0301\n",
        "\x1c\n",
        "\u00a0\n",
        "<|endoftext|>\n",
        "it's\n's",
        "  ",
    ]
    text = training_text[:20_000] + "".join(rng.choices(pieces, k=4000))
    library_ids = tokenizer._library.encode(text).ids
    for size in (1, 7, 1000):
        monkeypatch.setattr(library, "CHUNK_CHARACTERS", size)
        chunks = list(parts(text, size))
        assert len(chunks) > 10 and "".join(chunks) == text
        assert tokenizer.encode(text).tolist() == library_ids


def test_an_end_of_text_is_one_token_and_nothing_is_learned_from_it():
    tokenizer = BytePairTokenizer.train("abab<|endoftext|>" * 50, vocab_size=300)
    assert tokenizer.decode([tokenizer.eos_id]) == "<|endoftext|>"
    assert (tokenizer.encode("ab<|endoftext|>") == tokenizer.eos_id).sum() == 1
    assert not any("end" in token for token in tokenizer.vocabulary if token != "<|endoftext|>")


def test_training_learns_the_most_frequent_pairs_first():
    tokenizer = BytePairTokenizer.train("hug " * 10 + "pug " * 5 + "hugs " * 5, vocab_size=1000)
    assert tokenizer.merges[:2] == [("u", "g"), ("h", "ug")]  # ug 20 times, then hug 15 times
    limited = BytePairTokenizer.train("hug " * 10 + "pug " * 5 + "hugs " * 5, vocab_size=258)
    assert limited.vocab_size == 258 and limited.merges == [("u", "g")]


def test_hugging_face_file_names_are_read_too(trained, tmp_path):
    tokenizer = trained["bpe"]
    (tmp_path / "vocab.json").write_text(json.dumps(tokenizer.vocabulary), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in tokenizer.merges), ""]
    (tmp_path / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    config = TokenizerConfig(name="bpe", path=str(tmp_path))
    loaded = train_tokenizer(config, [])
    assert loaded.fingerprint == tokenizer.fingerprint
    loaded.save(tmp_path)
    assert load_tokenizer(tmp_path).fingerprint == tokenizer.fingerprint


def test_damaged_gpt2_files_are_errors(trained, tmp_path):
    tokenizer = trained["bpe"]
    vocabulary = tokenizer.vocabulary
    with pytest.raises(UserError, match="expected encoder.json and vocab.bpe"):
        BytePairTokenizer.from_gpt2_files(tmp_path)
    merges = "\n".join(" ".join(pair) for pair in tokenizer.merges)
    without_a_byte = {t: i for i, t in enumerate(t for t in vocabulary if t != "a")}
    for vocab, merge_lines, message in [
        (json.dumps(vocabulary)[:99], merges, "is damaged"),
        ("[1]", merges, "expected token to id"),
        (json.dumps(vocabulary), merges + "\nqqq zzz", "merge 'qqq zzz' is not made of tokens"),
        (json.dumps(vocabulary), merges[: len(merges) // 2] + "\nx", "merge"),
        (json.dumps(without_a_byte), merges, "byte 97 is missing"),
        (json.dumps(vocabulary | {"odd": 9999}), merges, "run from 0 without gaps"),
        (json.dumps(vocabulary | {"中": len(vocabulary)}), merges, "token '中' is not in"),
    ]:
        (tmp_path / "encoder.json").write_text(vocab, encoding="utf-8")
        (tmp_path / "vocab.bpe").write_text(merge_lines, encoding="utf-8")
        with pytest.raises(UserError, match=message):
            BytePairTokenizer.from_gpt2_files(tmp_path)
