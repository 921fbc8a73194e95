"""A tokenizer of a user's, and a cleaning step."""

from lm_zoo.text.cleaning import DocumentStep
from lm_zoo.text.tokenizers import CharacterTokenizer

LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class Letters(CharacterTokenizer):
    """One token a character; capital letters are small ones."""

    name = "letters"
    in_graph_class = "letters_in_graph:LettersModule"

    @classmethod
    def train(cls, texts, vocab_size=0, min_count=1):
        return super().train((text.translate(LOWER) for text in texts), vocab_size, min_count)

    def encode(self, text, special_tokens="control"):
        return super().encode(text.translate(LOWER))


def calm(text, settings):
    """Makes one exclamation mark of several."""
    while "!!" in text:
        text = text.replace("!!", "!")
    return text


CALM = DocumentStep(calm)
