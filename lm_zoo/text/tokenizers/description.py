"""What is in a tokenizer, for people."""

import numpy as np

from lm_zoo.tables import render

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


def as_table(values):
    """Returns what `describe` gave as a table of text."""
    rows = [(key.replace("_", " "), _as_text(value)) for key, value in values.items()]
    return render(("", ""), rows)


def _named(tokenizer, token_id):
    return "-" if token_id is None else f"{tokenizer.token_text(token_id)} ({token_id})"


def _quoted(tokenizer, token_id):
    text = tokenizer.token_text(token_id)
    return repr(text if len(text) <= 24 else text[:20] + "...")


def _as_text(value):
    if isinstance(value, list):
        return "  ".join(map(str, value)) or "-"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
