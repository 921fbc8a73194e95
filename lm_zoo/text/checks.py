"""What generating and translating refuse alike, in one line."""

import math

from lm_zoo.errors import UserError


def require_strings(name, texts):
    """Refuses what is not a list of strings."""
    if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
        raise UserError(f"{name}: expected a list of strings, received {texts!r}.")


def require_unicode(name, text):
    """Refuses a string that no bytes stand for."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(f"{name}: expected valid Unicode, received {error.object!r}.") from None


def require_vocabulary(name, tokenizer, vocab_size):
    """Refuses a tokenizer of another number of token ids than the model's."""
    if tokenizer.vocab_size != vocab_size:
        raise UserError(
            f"{name}: expected the model's {vocab_size} token ids, received a tokenizer of "
            f"{tokenizer.vocab_size}; give the one that the model was trained with."
        )


def require_probability(log_prob):
    """Refuses what a model gives whose parameters are not finite."""
    if math.isnan(log_prob):
        raise UserError(
            "model: expected probabilities, received NaN; its parameters are not finite, so "
            "load an earlier checkpoint."
        )
