"""A text's vector is the mean of its tokens' features."""

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.evaluation.embedding import embed_texts
from lm_zoo.registry import build_model
from lm_zoo.text.tokenizers import TOKENIZERS

TOKENIZER = TOKENIZERS["character"].train(["the cat sat on the mat\n"])
SMALL = {
    "gru_lm": dict(hidden_dim=6, num_layers=1),
    "transformer_decoder": dict(hidden_dim=6, num_layers=1, num_heads=2, context_length=8),
}


@pytest.fixture(params=sorted(SMALL))
def model(request):
    return build_model(
        request.param, vocab_size=TOKENIZER.vocab_size, seed=0, **SMALL[request.param]
    )


def features(model, ids):
    return model.features(tf.constant([ids]), model.initial_state(1))[0].numpy()[0]


def test_the_mean_is_over_the_text_and_not_over_what_stands_before_it(model):
    texts = ["a cat", "mat", ""]
    found = embed_texts(model, TOKENIZER, texts)
    assert found.dtype == np.float32
    for text, vector in zip(texts[:2], found):
        ids = np.concatenate([TOKENIZER.start_ids, TOKENIZER.encode(text)])
        np.testing.assert_allclose(vector, features(model, ids)[1:].mean(axis=0), atol=1e-6)
    assert not found[2].any()


def test_a_long_text_is_read_in_windows_that_give_each_token_once(model):
    text = "the cat sat on"  # 15 tokens with the newline before it
    ids = np.concatenate([TOKENIZER.start_ids, TOKENIZER.encode(text)])
    if model.context_length is None:
        vectors = features(model, ids)[1:]
    else:
        windows = [features(model, ids[begin : begin + 8]) for begin in (0, 4, 8)]
        vectors = np.concatenate([windows[0][1:], windows[1][4:], windows[2][4:]])
    assert len(vectors) == len(text)
    found = embed_texts(model, TOKENIZER, [text, "cat"], batch_size=2)
    np.testing.assert_allclose(found[0], vectors.mean(axis=0), atol=1e-6)


def test_what_cannot_be_embedded_is_refused(model):
    with pytest.raises(UserError, match="texts: expected a list of strings"):
        embed_texts(model, TOKENIZER, "cat")
    with pytest.raises(UserError, match="batch_size: expected a whole number of at least 1"):
        embed_texts(model, TOKENIZER, ["cat"], batch_size=0)
