"""Functions of token ids, for runtimes that know no strings: scoring, and one step of decoding."""

import keras
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.layers.token_losses import token_nll

PIECE = 128  # tokens whose logits are there at once, where the number of tokens is fixed
MAX_BYTES = 2**31 - 2**24  # of weights: a flatbuffer or a protocol buffer has less than 2 GiB


class TokenFunctions(tf.Module):
    """A model's functions and weights, for tensors of fixed or of any sizes.

    Args:
        model: A built `LanguageModel`. Its weights are not used; those given are.
        weights: `StoredWeights`.
        batch_size: Number of rows; None is any number.
        length: How many tokens `score` reads, and `decode` in all where the state has a size; None
            is any number.

    Attributes:
        weights: The `StoredWeights`.
        score: int32 `token_ids (batch, length + 1)` -> float32 `log_probs (batch, length)`: in
            nats, of the tokens from the second on. What stands after a token does not change its
            own, so short rows are filled up with anything.
        decode: int32 `tokens (batch,)`, and `state_0, state_1, ...` -> float32 `logits (batch,
            vocab_size)` of the tokens that follow, and `next_state_0, next_state_1, ...`, the state
            after them. The state before the first token is zeros.
    """

    def __init__(self, model, weights, batch_size=None, length=None):
        super().__init__(name="language_model")
        self.weights = weights
        number = tf.TensorSpec((), tf.int32)
        sizes = [number if size is None else size for size in (batch_size, length)]
        begun = tf.function(model.initial_state, autograph=False).get_concrete_function(*sizes)
        structure = begun.structured_outputs
        state = [
            tf.TensorSpec(tensor.shape, tensor.dtype, name=f"state_{index}")
            for index, tensor in enumerate(tf.nest.flatten(structure))
        ]
        columns = None if length is None else length + 1
        token_ids = tf.TensorSpec((batch_size, columns), tf.int32, name="token_ids")
        tokens = tf.TensorSpec((batch_size,), tf.int32, name="tokens")

        def stored_weights():
            pairs = zip(model.weights, weights.widened(), strict=True)
            return keras.StatelessScope(state_mapping=list(pairs))

        @tf.function(input_signature=[token_ids], autograph=False)
        def score(token_ids):
            inputs, targets = token_ids[:, :-1], token_ids[:, 1:]
            rows, columns = tf.unstack(tf.shape(inputs))
            with stored_weights():
                features, _ = model.features(inputs, model.initial_state(rows, columns))
                nll = [
                    token_nll(model.logits(features[:, piece]), targets[:, piece])
                    for piece in _pieces(length)
                ]
            return {"log_probs": -tf.concat(nll, axis=1)}

        @tf.function(input_signature=[tokens, *state], autograph=False)
        def decode(tokens, *state):
            state = tf.nest.pack_sequence_as(structure, state)
            with stored_weights():
                features, state = model.features(tokens[:, None], state)
                results = {"logits": model.logits(features)[:, 0, : model.vocab_size]}  # (B, V)
            for index, tensor in enumerate(tf.nest.flatten(state)):
                results[f"next_state_{index}"] = tensor
            return results

        self.score, self.decode = score, decode


def check_size(weights, form):
    """Raises a `UserError` for `StoredWeights` that one file does not hold."""
    if weights.num_bytes > MAX_BYTES:
        raise UserError(
            f"format: a file of {form!r} holds at most {MAX_BYTES:,} bytes of weights, but the "
            f"model has {weights.num_bytes:,}; use saved_model."
        )


def _pieces(length):
    if length is None:
        return [slice(None)]
    return [slice(begin, begin + PIECE) for begin in range(0, length, PIECE)]


def split_outputs(outputs):
    """Returns `(logits, state)` of what `decode` gave, the state named as its inputs are."""
    state = {
        name.removeprefix("next_"): value for name, value in outputs.items() if name != "logits"
    }
    return outputs["logits"], state
