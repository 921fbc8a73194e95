"""Small models that read a source, and a tokenizer for them."""

import numpy as np

from lm_zoo.registry import build_model
from tests.conformance.models import TINY_PAIR_MODELS
from tests.generation.toy import PieceTokenizer

VOCAB, END = 5, 3

# Noise on the weights with which texts differ from source to source and end after some tokens.
_NOISE = {"encoder_decoder": (0.15, 9), "recurrent_encoder_decoder": (0.2, 3)}
_ARGUMENTS = {"encoder_decoder": {"share_embeddings": False, "tie_embeddings": False}}
NAMES = tuple(TINY_PAIR_MODELS)


def decided_model(name, **arguments):
    """A model of `VOCAB` tokens that is surer of itself than a fresh one."""
    arguments = TINY_PAIR_MODELS[name] | _ARGUMENTS.get(name, {}) | arguments
    model = build_model(name, vocab_size=VOCAB, seed=5, **arguments)
    model.prepare([[0]])
    scale, seed = _NOISE[name]
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(weight.numpy() + scale * rng.normal(size=weight.shape))
    return model


class LineTokenizer(PieceTokenizer):
    """One letter a token, of which `d` ends each text."""

    name = "letters"

    def __init__(self, vocab_size=VOCAB):
        super().__init__([chr(ord("a") + i) for i in range(vocab_size)], eos_id=END)
        self.end_id = END
