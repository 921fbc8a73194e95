"""How several tokenizers do on one text."""

import dataclasses
import time

import numpy as np

from lm_zoo.tables import render
from lm_zoo.text.lost_text import encode_measured
from lm_zoo.text.words import split_words, utf8


def encoded(tokenizer, text, ids):
    """Returns a text's tokens as lines to read: each with its id, and what they come to.

    Args:
        tokenizer: The tokenizer.
        text: The text.
        ids: Its token ids.
    """
    rows = [(str(token), f"'{tokenizer.token_text(token)}'") for token in ids]
    unknown = sum(token == tokenizer.unk_id for token in ids)
    said = f"{len(ids):,} tokens for {len(text):,} characters ({len(utf8(text)):,} bytes)"
    said += f", {unknown:,} of them unknown" if unknown else ""
    decoded = tokenizer.decode(ids)
    said += "" if decoded == text else f"; they stand for {decoded!r}"
    return "\n".join([render(("id", "token"), rows, "rl"), said + "."])


def measure(tokenizer, texts, repeats=3):
    """Encodes texts and says how that went.

    Args:
        tokenizer: The tokenizer.
        texts: Strings, in memory.
        repeats: Number of timed runs; the shortest counts.

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


@dataclasses.dataclass
class TokenizerComparison:
    """What `measure` found of several tokenizers; printed, it is a table.

    Attributes:
        rows: A dict for each: `tokenizer`, what it was called, and what `measure` returned.
    """

    rows: list[dict]

    def __str__(self):
        headers = ["tokenizer", *(heading for heading, _ in COLUMNS.values())]
        cells = [
            (row["tokenizer"], *(form(row[key]) for key, (_, form) in COLUMNS.items()))
            for row in self.rows
        ]
        return render(headers, cells, "l" + "r" * len(COLUMNS))
