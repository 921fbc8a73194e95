"""Texts without a place to cut: the ids of the reference, and work that grows with their length."""

import random

import pytest

from lm_zoo.text.in_graph import module_of
from lm_zoo.text.tokenizers import TOKENIZERS

SIZE = 9000
KINDS = {
    "letters": "abcdefghijklmnopqrstuvwxyz",
    "one_letter": "a",
    "two_letters": "ab",
    "spaces": " ",
    "newlines": "\n",
    "emoji": "🙂🚀👍🏽🇩🇪",
    "chinese": "我们中出了一个叛徒他来到网易杭研大厦北京大学生物系",
    "mixed": "ab 中\n",
}


def long_text(kind, size=SIZE):
    return "".join(random.Random(kind).choices(KINDS[kind], k=size))


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
def test_in_the_graph_as_outside(name, trained):
    import tensorflow as tf

    tokenizer = trained[name]
    module = module_of(tokenizer)
    for kind in KINDS:
        text = long_text(kind)
        ids = tokenizer.encode(text)
        found = module.tokenize(tf.constant([text]))
        assert found.to_list() == [ids.tolist()], kind
        assert module.detokenize(found).numpy() == [tokenizer.decode_bytes(ids)]


def test_as_many_steps_for_a_long_piece_as_for_a_short_one(trained):
    """Merges run side by side: a piece eight times as long takes a few more rounds, not eight times
    as many."""
    import tensorflow as tf

    from lm_zoo.text.in_graph.bpe_merges import MergeRules

    tokenizer = trained["bpe"]
    rules = MergeRules(tokenizer.vocabulary, tokenizer.merges)
    for kind in ("letters", "one_letter", "two_letters"):
        rounds = []
        for size in (1000, 8000):
            symbols = tf.constant([tokenizer.vocabulary[c] for c in long_text(kind, size)])
            pieces, again, count = tf.zeros_like(symbols), True, 0
            while again:
                symbols, pieces, again = rules._merge_once(symbols, pieces, again)
                count += 1
            rounds.append(count)
            assert symbols.numpy().tolist() == tokenizer.encode(long_text(kind, size)).tolist()
        assert rounds[1] < 2 * rounds[0] + 5, (kind, rounds)


def test_a_chain_is_followed_by_doubling():
    import numpy as np
    import tensorflow as tf

    from lm_zoo.text.in_graph.ops import chain

    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 1000):
        starts = rng.random(size) < 0.02
        starts[:1] = True
        bounds = [*np.flatnonzero(starts), size]
        ends = np.repeat(bounds[1:], np.diff(bounds)).astype(np.int32)
        following = (np.arange(size) + rng.integers(1, 5, size)).astype(np.int32)
        expected = np.zeros(size, bool)
        for start in np.flatnonzero(starts):
            place = start
            while place < ends[start]:
                expected[place] = True
                place = following[place]
        found = chain(tf.constant(starts), tf.constant(following), tf.constant(ends))
        np.testing.assert_array_equal(found, expected)


def test_white_space_alone_has_no_pieces_in_the_graph(trained):
    import tensorflow as tf

    module = module_of(trained["wordpiece"])
    for strings in ([" "], ["\n\n"], [" ", "\t"]):
        assert module.tokenize(tf.constant(strings)).to_list() == [[] for _ in strings]
