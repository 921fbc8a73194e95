"""Proof that a runtime's functions of token ids give what the Python model gives."""

import dataclasses

import numpy as np
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.export.verification.comparison import TOLERANCE
from lm_zoo.export.verification.sample_records import HARD

COMPARED_STEPS = 64


@dataclasses.dataclass
class TokenParity:
    """How far a runtime's results were from the Python model's.

    Attributes:
        tokens: Tokens scored.
        steps: Steps of decoding, each compared at every token of the vocabulary.
        largest_difference: `score` and `decode` -> the largest difference of a log-probability,
            relative to the larger of it and 1 nat.
    """

    tokens: int
    steps: int
    largest_difference: dict[str, float]

    def __str__(self):
        score, decode = (self.largest_difference[name] for name in ("score", "decode"))
        return f"score {score:.1e} on {self.tokens:,} tokens, decode {decode:.1e} on {self.steps:,}"


def sample_tokens(run, batch_size, length):
    """Returns token ids as the run's model reads them, int32 `(batch_size, length)`.

    They begin as texts do and go on with held-out text; what is missing is said again.
    """
    try:
        text = run.tokenizer.decode(run.tokens("validation").read(0, batch_size * length))
    except UserError:
        text = ""
    text = text or "".join(HARD)
    ids = [*run.tokenizer.start_ids, *run.tokenizer.encode(text)]
    return np.resize(np.array(ids, np.int32), (batch_size, length))


def compare(model, token_ids, score, decode, state):
    """Runs a runtime's functions and compares them with the model.

    Args:
        model: The Python `LanguageModel`, with the weights that were exported.
        token_ids: int32 array `(batch, length + 1)`.
        score: `TokenFunctions.score` in the runtime: arrays in and out.
        decode: Function `(tokens, state) -> (logits, state)` in the runtime: arrays in and out;
            `state` is in the runtime's form.
        state: The state before the first token.

    Returns:
        A `TokenParity`.

    Raises:
        UserError: If they differ by more than `TOLERANCE`.
    """
    expected = tf.nn.log_softmax(model(token_ids[:, :-1])).numpy()  # (B, T, V)
    of_tokens = np.take_along_axis(expected, token_ids[:, 1:, None].astype(np.int64), 2)[..., 0]
    steps = min(COMPARED_STEPS, expected.shape[1])
    decoded = []
    for tokens in token_ids[:, :steps].T:
        logits, state = decode(np.ascontiguousarray(tokens), state)
        decoded.append(tf.nn.log_softmax(logits).numpy())
    differences = {
        "score": _difference("score", score(token_ids), of_tokens),
        "decode": _difference("decode", np.stack(decoded, 1), expected[:, :steps]),
    }
    return TokenParity(of_tokens.size, steps * len(token_ids), differences)


def _difference(name, found, expected):
    with np.errstate(invalid="ignore"):
        differences = np.abs(found - expected) / np.maximum(np.abs(expected), 1)
    largest = float(np.max(np.nan_to_num(differences, nan=np.inf)))
    if not largest <= TOLERANCE:
        raise UserError(
            f"export: {name} differs by {largest:.1e} from the Python model, expected at most "
            f"{TOLERANCE:.0e}, so nothing was written; this is a bug in lm_zoo or the converter: "
            "please report it."
        )
    return largest
