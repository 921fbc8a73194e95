"""Byte-level BPE in the graph agrees with GPT-2 and with the `tokenizers` library."""

import random

import numpy as np
import pytest

from lm_zoo.text.in_graph import module_of
from lm_zoo.text.tokenizers import BytePairTokenizer, bpe
from lm_zoo.text.tokenizers.bpe_splits import SPLITS
from tests.text.strings import STRINGS


@pytest.fixture(scope="module")
def gpt2_in_graph(gpt2):
    return module_of(gpt2)


def test_every_published_id_is_met(gpt2_in_graph, published):
    import tensorflow as tf

    found = gpt2_in_graph.tokenize(tf.constant([text for text, _ in published])).to_list()
    for (_, ids), row in zip(published, found, strict=True):
        assert row == ids


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
    module = module_of(trained["bpe"])
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

    from lm_zoo.text.in_graph.bpe_pieces import piece_starts
    from lm_zoo.text.in_graph.ops import shift

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32)] * 2, autograph=False)
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
    module = module_of(tokenizer)
    assert module._rules.one_at_a_time.any()
    rng = random.Random(0)
    texts = ["".join(rng.choices("aabbcc", k=rng.randrange(30))) + "abcabcabc" for _ in range(500)]
    rows = module.tokenize(tf.constant(texts)).to_list()
    assert rows == [tokenizer.encode(text).tolist() for text in texts]


def test_bytes_that_are_not_utf8_become_replacement_characters(trained):
    import tensorflow as tf

    module = module_of(trained["bpe"])
    rows = module.tokenize(tf.constant([b"a\xff b", b"\xe4\xb8"])).to_list()
    assert rows[0] == trained["bpe"].encode("a\ufffd b").tolist()
    assert set(rows[1]) == set(trained["bpe"].encode("\ufffd").tolist())
