"""What all refuse alike that read texts with a tokenizer, in one line."""

from lm_zoo.errors import UserError


def require_strings(name, texts):
    """Refuses what is not a list of strings."""
    if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
        raise UserError(f"{name}: expected a list of strings, received {texts!r:.80}.")


def require_unicode(name, text):
    """Refuses a string that no bytes stand for."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(f"{name}: expected valid Unicode, received {error.object!r}.") from None


def require_vocabulary(tokenizer, vocab_size, name="tokenizer"):
    """Refuses a tokenizer of another number of token ids than the model's."""
    if tokenizer.vocab_size != vocab_size:
        raise UserError(
            f"{name}: expected the model's {vocab_size} token ids, received a tokenizer of "
            f"{tokenizer.vocab_size}; use the one that the model was trained with."
        )
