"""Reading whole texts inside a graph, in windows where they are long, within bounded memory.

The same windows as `lm_zoo.evaluation.scoring` plans in numpy, so that both give the same numbers.
"""

import typing

import tensorflow as tf

from lm_zoo.evaluation.windows import default_stride
from lm_zoo.limits import MAX_CHUNK_TOKENS, MAX_LOGITS, MAX_TOKENS

MIN_ROWS = 16  # of long texts: a recurrent step with fewer takes as long


class FeatureChunk(typing.NamedTuple):
    """What the model has read in one call.

    Attributes:
        features: float32 `(rows, length, width)`.
        places: Where each token stands among all texts' tokens, int32 `(rows, length)`; the number
            of all tokens for padding, and for what an earlier window had already.
    """

    features: tf.Tensor
    places: tf.Tensor


def forward_texts(model, texts, collect, collected):
    """Reads texts, each on its own, and gives every token to `collect` once.

    A text is read from its start with the zero state. One longer than the model's `context_length`
    is read in windows of that length, each from the zero state, that begin half a window after one
    another; a token counts in the first window that holds it.

    Args:
        model: A `TracedModel`.
        texts: Token ids, int32 RaggedTensor `(texts, None)`.
        collect: Function `(collected, piece) -> collected` of a tensor and a `FeatureChunk`.
        collected: The tensor before the first piece; its shape stays.

    Returns:
        The tensor after the last piece.
    """
    windows = _plan(texts, model.context_length)
    total = tf.size(windows.sizes)

    def group(begin, collected):
        longest = windows.sizes[begin]  # the longest come first
        most = tf.minimum(longest, MAX_CHUNK_TOKENS)
        rows = tf.minimum(
            MAX_TOKENS // most, tf.maximum(MIN_ROWS, MAX_LOGITS // (most * model.vocab_size))
        )
        alike = tf.reduce_sum(tf.cast(2 * windows.sizes > longest, tf.int32)) - begin
        rows = tf.clip_by_value(rows, 1, alike)  # much shorter ones would be padding for the most
        part = Windows(*(tensor[begin : begin + rows] for tensor in windows))
        state = model.initial_state(rows, longest)
        return begin + rows, forward_windows(model, texts, part, state, collect, collected)

    _, collected = tf.while_loop(
        lambda begin, _: begin < total,
        group,
        (tf.constant(0), collected),
        shape_invariants=(tf.TensorShape([]), collected.shape),
    )
    return collected


class Windows(typing.NamedTuple):
    """Parts of texts, longest first; each tensor int32 `(windows,)`.

    Attributes:
        begins: The first token, among all texts' tokens.
        sizes: Number of tokens.
        first_new: Number of tokens that an earlier window had.
    """

    begins: tf.Tensor
    sizes: tf.Tensor
    first_new: tf.Tensor


def _plan(texts, window):
    lengths = tf.cast(texts.row_lengths(), tf.int32)
    starts = tf.cast(texts.row_starts(), tf.int32)
    if window is None:
        window = tf.maximum(tf.reduce_max(tf.concat([lengths, [1]], 0)), 1)
        stride = window
    else:
        stride = default_stride(window)
    counts = tf.where(lengths > 0, 1 + tf.maximum(0, -((window - lengths) // stride)), 0)
    text = tf.repeat(tf.range(tf.size(lengths)), counts)  # (windows,)
    number = tf.range(tf.size(text)) - tf.gather(tf.cumsum(counts, exclusive=True), text)
    begins = number * stride
    sizes = tf.minimum(window, tf.gather(lengths, text) - begins)
    first_new = tf.where(number == 0, 0, window - stride)
    order = tf.argsort(sizes, direction="DESCENDING", stable=True)
    parts = (tf.gather(starts, text) + begins, sizes, first_new)
    return Windows(*(tf.gather(part, order) for part in parts))


def forward_windows(model, texts, windows, state, collect, collected, numbers_per_token=None):
    """Runs windows side by side, a few tokens of each at a time.

    Args:
        model: A `TracedModel`.
        texts: Token ids, int32 RaggedTensor `(texts, None)`.
        windows: `Windows`, the longest first.
        state: The model's state before the windows, a row for each.
        collect: Function `(collected, chunk) -> collected` of a tensor and a `FeatureChunk`.
        collected: The tensor before the first chunk; its shape stays.
        numbers_per_token: Size of the largest tensor per token, which bounds the tokens per step;
            None is that of the logits.

    Returns:
        The tensor after the last chunk.
    """
    token_ids, longest = texts.flat_values, windows.sizes[0]
    total, rows = tf.size(token_ids), tf.size(windows.sizes)
    numbers_per_token = model.vocab_size if numbers_per_token is None else numbers_per_token
    most = tf.clip_by_value(MAX_LOGITS // (rows * numbers_per_token), 1, MAX_CHUNK_TOKENS)

    def step(begin, state, collected):
        within = begin + tf.range(tf.minimum(most, longest - begin))  # (T,)
        places = windows.begins[:, None] + within[None]  # (R, T)
        inputs = tf.gather(token_ids, tf.minimum(places, total - 1))
        features, after = model.features(inputs, state)  # (R, T, width)
        after = tf.nest.map_structure(
            lambda new, old: tf.ensure_shape(new, old.shape), after, state
        )
        counts = (within >= windows.first_new[:, None]) & (within < windows.sizes[:, None])
        collected = collect(collected, FeatureChunk(features, tf.where(counts, places, total)))
        return begin + most, after, collected

    *_, collected = tf.while_loop(
        lambda begin, *_: begin < longest,
        step,
        (tf.constant(0), state, collected),
        shape_invariants=(
            tf.TensorShape([]),
            tf.nest.map_structure(lambda tensor: tensor.shape, state),
            collected.shape,
        ),
    )
    return collected
