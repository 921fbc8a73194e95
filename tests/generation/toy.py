"""Tiny models whose every probability is known, and a tokenizer of hand-picked byte pieces."""

import numpy as np
import tensorflow as tf

from lm_zoo.models.language_model import LanguageModel
from lm_zoo.text.tokenizers import Tokenizer


class BigramModel(LanguageModel):
    """The next token's logits are a row of a table, chosen by the last token; no state is needed.

    Its state counts the tokens read, so that tests can see it being reordered and replaced.
    """

    def __init__(self, table):
        super().__init__()
        self.table = tf.constant(table, tf.float32)  # (V, V)
        self.vocab_size = len(table)

    def initial_state(self, batch_size, num_slots=None):
        return (tf.zeros((batch_size,), tf.int32),)

    def features(self, token_ids, state, training=False, document_starts=None, lengths=None):
        read = tf.shape(token_ids)[1] if lengths is None else lengths
        return tf.gather(self.table, token_ids), (state[0] + read,)

    def logits(self, features):
        return features


class TrigramModel(LanguageModel):
    """Logits that hang on the last two tokens; the state is the last one (0 at first)."""

    def __init__(self, table):
        super().__init__()
        self.table = tf.constant(table, tf.float32)  # (V, V, V)
        self.vocab_size = len(table)

    def initial_state(self, batch_size, num_slots=None):
        return (tf.zeros((batch_size,), tf.int32),)

    def features(self, token_ids, state, training=False, document_starts=None, lengths=None):
        both = tf.concat([state[0][:, None], token_ids], axis=1)
        logits = tf.gather_nd(self.table, tf.stack([both[:, :-1], token_ids], axis=-1))
        read = tf.fill(tf.shape(both)[:1], tf.shape(token_ids)[1]) if lengths is None else lengths
        return logits, (tf.gather(both, read, batch_dims=1),)

    def logits(self, features):
        return features


class BoundedModel(LanguageModel):
    """Logits that hang on every token since the state began; more than fit are an error."""

    def __init__(self, vocab_size, context_length, seed=0):
        super().__init__()
        rng = np.random.default_rng(seed)
        self.vocab_size = vocab_size
        self.context_length = context_length
        self.embedding = tf.constant(rng.normal(size=(vocab_size, 8)), tf.float32)
        self.output_matrix = tf.constant(2 * rng.normal(size=(8, vocab_size)), tf.float32)

    def initial_state(self, batch_size, num_slots=None):
        return (tf.zeros((batch_size,), tf.int32), (tf.zeros((batch_size, 8)),))

    def features(self, token_ids, state, training=False, document_starts=None, lengths=None):
        position, (memory,) = state
        length = tf.shape(token_ids)[1]
        lengths = tf.fill(tf.shape(position), length) if lengths is None else lengths
        tf.debugging.assert_less_equal(position + lengths, self.context_length)

        def read(memory, inputs):
            tokens, index = inputs
            new = 0.9 * memory + tf.gather(self.embedding, tokens)
            return tf.where((index < lengths)[:, None], new, memory)

        memories = tf.scan(read, (tf.transpose(token_ids), tf.range(length)), memory)
        last = tf.concat([memory[None], memories], 0)[-1]
        return tf.tanh(tf.transpose(memories, (1, 0, 2))), (position + lengths, (last,))

    def logits(self, features):
        return tf.einsum("btc,cv->btv", features, self.output_matrix)


class PieceTokenizer:
    """Token i stands for the bytes `pieces[i]`; encoding takes the longest piece that fits."""

    name = "piece"
    in_streams = True
    unk_id = None
    fingerprint = "piece"

    encode_prompt = Tokenizer.encode_prompt
    encode_batch = Tokenizer.encode_batch
    encode_parts = Tokenizer.encode_parts
    decode_part = Tokenizer.decode_part

    def __init__(self, pieces, eos_id=None, start_ids=(), starts_prompts=False):
        self.pieces = [p.encode() if isinstance(p, str) else p for p in pieces]
        self.vocab_size = len(pieces)
        self.eos_id = eos_id
        self.start_ids = np.array(start_ids, np.int32)
        self.starts_prompts = starts_prompts

    def encode(self, text, special_tokens="control"):
        data, ids = text.encode(), []
        while data:
            fits = [i for i, p in enumerate(self.pieces) if p and data.startswith(p)]
            ids.append(max(fits, key=lambda i: len(self.pieces[i])))
            data = data[len(self.pieces[ids[-1]]) :]
        return np.array(ids, np.int32)

    def decode_bytes(self, token_ids):
        return b"".join(self.pieces[i] for i in token_ids)

    def decode(self, token_ids):
        return self.decode_bytes(token_ids).decode("utf-8", errors="replace")

    def token_text(self, token_id):
        return self.pieces[token_id].decode("utf-8", errors="backslashreplace")


def letters(vocab_size, **arguments):
    """A tokenizer of one letter a token."""
    return PieceTokenizer([chr(ord("a") + i) for i in range(vocab_size)], **arguments)


def chain(successors, vocab_size):
    """A bigram table in which each token is followed by one other, almost surely."""
    table = np.zeros((vocab_size, vocab_size))
    for token, following in successors.items():
        table[token, following] = 30.0
    return table


def log_softmax(logits):
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def from_scratch(model, token_ids):
    """Logits after the last token, the text read anew from its start, by `model(ids)`."""
    return np.asarray(model(tf.constant([token_ids], tf.int32)))[0, -1]
