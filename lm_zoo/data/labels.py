"""Labels as token ids: each label of a closed set is one token."""

import numpy as np

from lm_zoo.errors import UserError, nearest
from lm_zoo.text.special_tokens import CONTROL
from lm_zoo.text.tokenizers import tokenizer as tokenizers
from lm_zoo.text.tokenizers.tokenizer import Tokenizer

END = "<end>"
MAX_LABELS = 10_000
SHOWN_LABELS = 20  # of the known ones, in an error


class LabelTokenizer(Tokenizer):
    """Turns labels into ids and back; white space around a label is no part of it.

    Token 0 is the end token, `<end>`; the labels follow in their sorted order.

    Args:
        labels: The labels, sorted, each once.

    Attributes:
        labels: The labels; label i has the id `i + 1`.
        num_labels: How many there are.
    """

    CONTENT = {"labels": [str]}
    name = "label"
    eos_id = 0

    def __init__(self, labels):
        self.labels = tuple(labels)
        if not self.labels or list(self.labels) != sorted({label.strip() for label in labels}):
            raise ValueError("labels: expected at least one, sorted, each once")
        self.num_labels = len(self.labels)
        self.vocab_size = self.num_labels + 1
        self._ids = {label: number for number, label in enumerate(self.labels, 1)}

    @classmethod
    def train(cls, texts):
        """Makes the tokenizer of the labels that there are.

        Args:
            texts: Iterable of labels, those of the training split.

        Raises:
            UserError: For more than `MAX_LABELS` different ones: they are texts.
        """
        labels = set()
        for text in texts:
            labels.add(text.strip())
            labels.discard("")
            if len(labels) > MAX_LABELS:
                raise UserError(
                    f"label: expected at most {MAX_LABELS:,} different labels, received more in "
                    f"the training split, such as {text.strip()[:40]!r}; choose the field with "
                    "the label."
                )
        return cls(sorted(labels))

    def encode(self, text, special_tokens=CONTROL):
        """Returns the id of a label, int32 `(1,)`.

        Raises:
            UserError: For a label that is none of `labels`.
        """
        return np.array([self._id(text)], np.int32)

    def encode_batch(self, texts):
        return np.array([*map(self._id, texts)], np.int32), np.ones(len(texts), np.int64)

    def decode_bytes(self, token_ids):
        names = ("", *self.labels)
        return "".join(names[i] for i in self._checked(token_ids)).encode("utf-8")

    def token_text(self, token_id):
        return super().token_text(token_id) if token_id else END

    def _id(self, text):
        label = text.strip()
        if label not in self._ids:
            raise self._unknown(label)
        return self._ids[label]

    def _unknown(self, label):
        listed = ", ".join(map(repr, self.labels[:SHOWN_LABELS]))
        left_out = self.num_labels - SHOWN_LABELS
        more = f" and {left_out:,} more" if left_out > 0 else ""
        guess = nearest(label, self.labels)
        hint = f" Did you mean {guess!r}?" if guess else ""
        return UserError(
            f"label: {label[:40]!r} is not a label in the training split.{hint} Expected one of: "
            f"{listed}{more}."
        )


def load_labels(directory):
    """Reads a saved `LabelTokenizer`.

    Raises:
        UserError: If it is missing, damaged, altered, or of another version or kind.
    """
    return tokenizers.load(directory, {LabelTokenizer.name: LabelTokenizer})
