"""SentencePiece in the graph agrees with what it copies."""

import random

import numpy as np
import pytest

from lm_zoo.text.in_graph import module_of
from tests.text.conftest import SENTENCE_PIECE
from tests.text.strings import STRINGS


def test_a_loaded_model_agrees_in_the_graph(foreign_model, training_text):
    import tensorflow as tf

    tokenizer, _ = foreign_model
    texts = STRINGS + [training_text[:8000]]
    texts = [text for text in texts if "  " * 9 not in text and "---" not in text]  # equal scores
    module = module_of(tokenizer)
    rows = module.tokenize(tf.constant(texts)).to_list()
    for text, row in zip(texts, rows, strict=True):
        assert row == tokenizer.encode(text).tolist(), repr(text[:80])
    ids = [np.array(row, np.int32) for row in rows]
    ids = tf.RaggedTensor.from_row_lengths(np.concatenate(ids), [len(row) for row in ids])
    written = module.detokenize(ids).numpy().tolist()
    assert written == [tokenizer.decode_bytes(row) for row in rows]


@pytest.mark.parametrize("name", SENTENCE_PIECE)
def test_runs_of_one_character_agree_in_the_graph(name, trained):
    """Their segmentations have equal scores, which inexact sums would tell apart."""
    import tensorflow as tf

    rng = random.Random(0)
    texts = [
        "".join(rng.choice("=- \n.*a") * rng.randrange(1, 60) for _ in range(rng.randrange(20)))
        for _ in range(600)
    ]
    texts.append(" ".join("ab" * rng.randrange(5) + "=" * rng.randrange(9) for _ in range(3000)))
    module = module_of(trained[name])
    rows = module.tokenize(tf.constant(texts)).to_list()
    for text, row in zip(texts, rows, strict=True):
        assert row == trained[name].encode(text).tolist(), repr(text[:80])
