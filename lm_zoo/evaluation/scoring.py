"""Log-probability, perplexity and every token's surprisal of single texts."""

import dataclasses

import numpy as np
import tensorflow as tf

from lm_zoo.checked_fields import Facts
from lm_zoo.errors import UserError
from lm_zoo.evaluation.nll import nll_function, padded_function
from lm_zoo.evaluation.windows import default_stride, plan_windows
from lm_zoo.figures import bits_per_byte, perplexity
from lm_zoo.limits import BATCH_SIZE, MAX_CHUNK_TOKENS, MAX_LOGITS
from lm_zoo.text.checks import require_strings, require_vocabulary
from lm_zoo.text.lost_text import lost_between
from lm_zoo.text.special_tokens import TEXT
from lm_zoo.text.words import count_words, utf8

# Tokens per call: this, times powers of two up to `MAX_CHUNK_TOKENS`, so that few are compiled.
MIN_CHUNK_TOKENS = 16


@dataclasses.dataclass
class Score:
    """What a model makes of one text.

    Attributes:
        log_prob: Of the tokens scored, in nats. A text given its source is scored with its end, so
            that this is the log-probability of that text and of none that goes on.
        num_tokens: Tokens scored: all, or all but the first where nothing stands before it.
        num_bytes: UTF-8 bytes of the text.
        num_words: White-space separated words and line ends.
        num_unknown: Tokens that are `<unk>`: the word behind them was not predicted.
        bytes_lost: Bytes that the tokens do not give back (`lm_zoo.text.lost_text`).
        perplexity: Per token scored; None if there is none.
        bits_per_byte: Bits of the tokens scored over all bytes; None for an empty text, and where
            not all of the text was predicted.
        bits_per_byte_lower_bound: What stands in its place then: tokens are `<unk>`, or bytes are
            lost; else None.
        tokens: `(text, surprisal)` for each token of the text, and for its end where it is scored;
            surprisal in nats, None for a token that was not scored.
        context: What the first tokens are conditioned on, and the windows of a long text.
        tokens_not_scored: 0 or 1.
    """

    log_prob: float
    num_tokens: int
    num_bytes: int
    num_words: int
    num_unknown: int
    bytes_lost: int
    perplexity: float | None
    bits_per_byte: float | None
    bits_per_byte_lower_bound: float | None
    tokens: list[tuple[str, float | None]]
    context: str
    tokens_not_scored: int = 0


@dataclasses.dataclass
class Segment:
    """A part of a text that is read at once, from a first state.

    Attributes:
        inputs: Token ids.
        targets: The tokens after them.
        first: The first target that is scored here.
        surprisals: Where the scores of `targets[first:]` go.
        source: Token ids of what it is a translation of, for a model that reads a source.
    """

    inputs: np.ndarray
    targets: np.ndarray
    first: int
    surprisals: np.ndarray
    source: np.ndarray | None = None


def score_texts(model, tokenizer, texts, batch_size=BATCH_SIZE, stride=0, special_tokens=TEXT):
    """Scores texts, each on its own.

    Each text is read after `tokenizer.start_ids` (an end token or a newline), so that its first
    token is scored too. A tokenizer without either leaves the first token out, and the score says
    so. A text longer than the model's `context_length` is read in windows of that length.

    Args:
        model: A built `LanguageModel`.
        tokenizer: The tokenizer it was trained with.
        texts: A list of strings.
        batch_size: Texts per batch.
        stride: New tokens in each window of a long text; 0 means half the window.
        special_tokens: How a special token written out in a text is read: as `text`, or as the
            token (`control`).

    Returns:
        A list of `Score`, in the order of the texts.

    Raises:
        UserError: If `texts` or the settings cannot be used.
    """
    require_vocabulary(tokenizer, model.vocab_size)
    check_texts("texts", texts, batch_size)
    model.check_reads(sources=False)
    window = model.context_length
    if window is not None and not 0 <= stride <= window:
        raise UserError(
            f"stride: expected 0 (half the window) to {window} (the model's context_length), "
            f"received {stride!r}."
        )
    stride = stride or default_stride(window or 1)
    start = np.asarray(tokenizer.start_ids, np.int32)
    encoded = [np.asarray(tokenizer.encode(text, special_tokens), np.int32) for text in texts]
    surprisals = [np.full(len(ids), np.nan) for ids in encoded]
    segments = [
        segment
        for ids, nll in zip(encoded, surprisals)
        for segment in _segments(start, ids, nll, window, stride)
    ]
    score_segments(model, segments, batch_size)
    return [
        summarize(tokenizer, text, ids, nll, _context(tokenizer, start, ids, window, stride))
        for text, ids, nll in zip(texts, encoded, surprisals)
    ]


def check_texts(name, texts, batch_size):
    """Raises a `UserError` unless these are strings, and as many as that can be read at once."""
    require_strings(name, texts)
    Facts(at_least=1).checked(int, batch_size, "batch_size")


def _segments(start, ids, surprisals, window, stride):
    """Cuts one text into what the model reads at once; each of its tokens is scored once."""
    tokens = np.concatenate([start, ids])
    own = max(len(start) - 1, 0)  # the first input whose target belongs to the text
    num_inputs = max(len(tokens) - 1, 0) if len(ids) else 0
    window = window or max(num_inputs, 1)
    segments = []
    for begin, end, scored_from in zip(*plan_windows(num_inputs, window, min(stride, window))):
        scored_from = max(scored_from, own)
        if scored_from < end:
            place = scored_from + 1 - len(start)
            segments.append(
                Segment(
                    tokens[begin:end],
                    tokens[begin + 1 : end + 1],
                    scored_from - begin,
                    surprisals[place : place + end - scored_from],
                )
            )
    return segments


def score_segments(model, segments, batch_size):
    """Scores `Segment`s, `batch_size` at once, writing their surprisals where they belong."""
    segments = sorted(segments, key=lambda segment: -len(segment.inputs))  # less padding
    for begin in range(0, len(segments), batch_size):
        _score(model, segments[begin : begin + batch_size], min(batch_size, len(segments)))


def _score(model, segments, rows):
    """Reads segments side by side."""
    longest = max(len(segment.inputs) for segment in segments)
    pieces = piece_lengths(longest, rows * model.vocab_size, model.context_length)
    tokens = np.zeros((2, rows, sum(pieces)), np.int32)  # padded on the right, where no one looks
    for row, segment in enumerate(segments):
        tokens[0, row, : len(segment.inputs)] = segment.inputs
        tokens[1, row, : len(segment.targets)] = segment.targets
    state, begin, nll = _first_state(model, segments, rows), 0, []
    for length in pieces:
        inputs, targets = tf.constant(tokens[:, :, begin : begin + length])
        part, state = nll_function(model)(inputs, targets, state)
        nll.append(part.numpy())
        begin += length
    nll = np.concatenate(nll, axis=1)
    for row, segment in enumerate(segments):
        segment.surprisals[:] = nll[row, segment.first : len(segment.inputs)]


def _first_state(model, segments, rows):
    """The state before the segments, of which there may be fewer than rows."""
    if segments[0].source is None:
        return model.initial_state(rows)
    longest = max(len(segment.source) for segment in segments)
    # Memories of few sizes, so that few shapes are compiled.
    size = sum(piece_lengths(longest, 1, model.source_length))
    source_ids, lengths = np.zeros((rows, size), np.int32), np.zeros(rows, np.int32)
    for row, segment in enumerate(segments):
        lengths[row] = len(segment.source)
        source_ids[row, : lengths[row]] = segment.source
    encode = padded_function(model, "evaluation.encode", lambda m, *source: m.encode(*source))
    memory = encode(tf.constant(source_ids), tf.constant(lengths))
    return model.initial_state(rows, memory=memory)


def piece_lengths(longest, logits_per_position, context_length):
    """Lengths of the calls that together read `longest` tokens, within the model's context."""
    most = MAX_CHUNK_TOKENS
    while most > MIN_CHUNK_TOKENS and most * logits_per_position > MAX_LOGITS:
        most //= 2
    pieces, left = [], longest
    while left > 0:
        length = MIN_CHUNK_TOKENS
        while length < min(left, most):
            length *= 2
        if context_length is not None:
            length = min(length, context_length - sum(pieces))
        pieces.append(length)
        left -= length
    return pieces


def _context(tokenizer, start, ids, window, stride):
    """What a text's tokens are conditioned on, in words."""
    context = "none: the first token is not scored"
    if len(start):
        context = "after " + "".join(tokenizer.token_text(int(token)) for token in start)
    if window is not None and len(start) + len(ids) - 1 > window:
        context += f"; windows of {window}, stride {stride}"
    return context


def summarize(tokenizer, text, ids, surprisals, context, has_end=False):
    """Returns the `Score` of a text.

    Args:
        tokenizer: Its tokenizer.
        text: The text.
        ids: Token ids that it was read as.
        surprisals: Nats of each, NaN for one that was not scored.
        context: What they are conditioned on, in words.
        has_end: Whether the last of them is the end of the text.
    """
    scored = surprisals[~np.isnan(surprisals)]
    nats, num_tokens = float(np.sum(scored)), len(scored)
    data = utf8(text)
    unknown = tokenizer.unk_id
    num_unknown = 0 if unknown is None else int(np.count_nonzero(ids == unknown))
    bytes_lost = lost_between(data, tokenizer.decode_bytes(ids[:-1] if has_end else ids)).bytes
    per_byte = bits_per_byte(nats, len(data)) if num_tokens else None
    hides_text = bool(num_unknown or bytes_lost)
    return Score(
        log_prob=0.0 - nats,  # not -0.0 for an empty text
        num_tokens=num_tokens,
        num_bytes=len(data),
        num_words=count_words(data),
        num_unknown=num_unknown,
        bytes_lost=bytes_lost,
        perplexity=perplexity(nats / num_tokens) if num_tokens else None,
        bits_per_byte=None if hides_text else per_byte,
        bits_per_byte_lower_bound=per_byte if hides_text else None,
        tokens=[
            (tokenizer.token_text(int(token)), None if np.isnan(nll) else float(nll))
            for token, nll in zip(ids, surprisals)
        ],
        context=context,
        tokens_not_scored=len(ids) - num_tokens,
    )
