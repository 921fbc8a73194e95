"""How figures are written, with the marks that keep them from being taken for more than they are."""

import math

NAMES = {"bleu": "BLEU"}  # tag -> what people call it, where that is another word
FEW_TOKENS = 500  # from fewer, a perplexity says little: its logarithm is off by 0.1 and more


def written(value, digits=4):
    """Returns a figure as text: `-` for None, and from a million on with an exponent."""
    if value is None:
        return "-"
    return f"{value:.{digits}{'f' if abs(value) < 1e6 else 'e'}}"


def written_or_bound(value, bound, digits=4):
    """Returns a figure, or `>=` and its lower bound where it is not known."""
    is_bound = value is None and bound is not None
    return f">= {written(bound, digits)}" if is_bound else written(value, digits)


def few_tokens_mark(num_tokens):
    """Returns the mark of figures from few tokens, or nothing."""
    return f"  (of {num_tokens:,} tokens only)" if num_tokens < FEW_TOKENS else ""


def bits_per_byte(nats, num_bytes):
    """Returns bits a byte; None for a text of unknown size."""
    return nats / math.log(2) / num_bytes if num_bytes else None


def perplexity(nats):
    """Returns the perplexity of a mean of so many nats; infinite beyond what a float holds."""
    return math.exp(nats) if nats < 709 else math.inf


def named_figure(tag, value):
    """Returns a figure with its name, in a few words: `loss 3.9812`, `BLEU 31.20`."""
    digits = 2 if tag in ("bleu", "perplexity") else 4
    return f"{NAMES.get(tag, tag)} {written(value, digits)}"
