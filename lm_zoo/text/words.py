"""What a word is: one rule for the word tokenizer, in graphs and outside, and for counting words.

Words are separated by ASCII white space: space, tab, newline, carriage return, vertical tab and
form feed. That is the published counting of PTB and WikiText, it is what `tf.strings.split` does
inside a graph, and it never cuts a UTF-8 sequence. Unicode's other spaces (no-break, ideographic)
are part of words.
"""

import numpy as np

from lm_zoo.errors import UserError

_IS_SPACE = bytes(byte in b" \t\n\r\v\f" for byte in range(256))


def utf8(text):
    """Returns the UTF-8 bytes of `text`.

    Raises:
        UserError: For a lone surrogate, which Python allows in a string and UTF-8 does not.
    """
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(
            f"text: expected Unicode characters, received a lone surrogate at character "
            f"{error.start}; read the text as UTF-8, or clean it."
        ) from None


def split_words(data):
    """Splits UTF-8 bytes into words, a list of bytes."""
    return data.split()  # on bytes, and only there, this is ASCII white space


def count_words(data):
    """Counts words and line ends in UTF-8 bytes: PTB's and WikiText's tokens, `<eos>` included."""
    is_space = np.frombuffer(data.translate(_IS_SPACE), np.uint8)
    begun = np.count_nonzero(is_space[:-1] > is_space[1:])  # a space, and then none
    return int(begun) + (len(data) > 0 and not is_space[0]) + data.count(b"\n")
