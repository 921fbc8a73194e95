"""What `lm-zoo tokenizer` says of tokenizers: what is in one, and how several do on one text."""

import time

import numpy as np

from lm_zoo.text.lost_text import encode_measured
from lm_zoo.text.words import split_words, utf8

NUM_LONGEST = 6


def describe(tokenizer):
    """Returns what there is to know of a tokenizer, as a JSON-ready dict."""
    lengths = [len(tokenizer.token_bytes(i)) for i in range(tokenizer.vocab_size)]
    longest = np.argsort(-np.array(lengths), kind="stable")[:NUM_LONGEST]
    values = {
        "kind": tokenizer.name,
        "vocabulary": tokenizer.vocab_size,
        "unknown": _named(tokenizer, tokenizer.unk_id),
        "end": _named(tokenizer, tokenizer.eos_id),
        "bytes_per_piece": f"{np.mean(lengths):.2f}",
        "longest_pieces": [_quoted(tokenizer, int(i)) for i in longest],
        "first_pieces": [
            _quoted(tokenizer, i) for i in range(min(NUM_LONGEST, tokenizer.vocab_size))
        ],
        "fingerprint": tokenizer.fingerprint,
    }
    if tokenizer.saved_model_needs:
        values["saved_model_needs"] = tokenizer.saved_model_needs
    return values


def measure(tokenizer, texts, repeats=3):
    """Encodes texts and says how that went.

    Args:
        tokenizer: The tokenizer.
        texts: Strings, in memory.
        repeats: How often the time is taken; the shortest counts.

    Returns:
        A dict: `vocabulary`; `num_tokens`; `fertility`, tokens a word (`lm_zoo.text.words`: what
        stands between ASCII white space, so it says little of Chinese); `bytes_per_token` and
        `characters_per_token` of the text; `unknown_rate`, the share of tokens that are unknown, or
        None where there is no such token; `lost_rate`, the share of bytes that decoding does not
        give back (`lm_zoo.text.lost_text`); `vocabulary_used`, the share of its ids that occur; and
        `megabytes_per_second` of UTF-8 text, by this process, as fast as the library lets it.
    """
    data = [utf8(text) for text in texts]
    num_bytes, num_characters = sum(map(len, data)), sum(map(len, texts))
    num_words = sum(len(split_words(piece)) for piece in data)
    seconds = []
    tokenizer.encode_batch(texts[:1])  # what is built at the first call is not part of the speed
    for _ in range(repeats):
        start = time.perf_counter()
        ids, _ = tokenizer.encode_batch(texts)
        seconds.append(time.perf_counter() - start)
    num_tokens = len(ids)
    unknown = tokenizer.unk_id
    return {
        "vocabulary": tokenizer.vocab_size,
        "num_tokens": num_tokens,
        "fertility": num_tokens / num_words if num_words else None,
        "bytes_per_token": num_bytes / num_tokens if num_tokens else None,
        "characters_per_token": num_characters / num_tokens if num_tokens else None,
        "unknown_rate": None
        if unknown is None or not num_tokens
        else float(np.count_nonzero(ids == unknown) / num_tokens),
        "lost_rate": encode_measured(tokenizer, texts)[2].bytes / num_bytes if num_bytes else None,
        "vocabulary_used": len(np.unique(ids)) / tokenizer.vocab_size,
        "megabytes_per_second": num_bytes / 1e6 / min(seconds),
    }


def _number(form):
    return lambda value: "-" if value is None else format(value, form)


# key -> heading and how it is written
COLUMNS = {
    "vocabulary": ("vocabulary", _number(",")),
    "num_tokens": ("tokens", _number(",")),
    "fertility": ("tokens/word", _number(".3f")),
    "bytes_per_token": ("bytes/token", _number(".3f")),
    "characters_per_token": ("chars/token", _number(".3f")),
    "unknown_rate": ("unknown", _number(".2%")),
    "lost_rate": ("lost", _number(".2%")),
    "vocabulary_used": ("used", _number(".1%")),
    "megabytes_per_second": ("MB/s", _number(".2f")),
}


def _named(tokenizer, token_id):
    return "-" if token_id is None else f"{tokenizer.token_text(token_id)} ({token_id})"


def _quoted(tokenizer, token_id):
    text = tokenizer.token_text(token_id)
    return repr(text if len(text) <= 24 else text[:20] + "...")
