"""How much of a text its tokens do not give back, found by decoding what was encoded.

Lossless tokenizers cost one decoding. Where that is not the text, it is compared line by line, a
line being what lies between two safe cuts (`lm_zoo.text.cuts`), so that the count does not depend
on how a long text was cut into blocks.
"""

import collections
import re

import numpy as np

from lm_zoo.text.cuts import lines
from lm_zoo.text.words import count_words, split_words, utf8

GROUP_CHARACTERS = 1 << 16  # of lines that are compared at once, as long as they are equal
MAX_LINE_BYTES = 1 << 14  # bytes of a line that is aligned; the work grows with the square
DECODED_TOKENS = 1 << 16  # at once, which bounds the memory for a text without line ends
CONTEXT = 16  # tokens decoded before others, so that their text is what it is within the text
_SPACES = (b"\n", b" ", b"\t", b"\r", b"\v", b"\f")
_WORDS = re.compile(rb"\n|[^ \t\n\r\v\f]+")  # words and line ends, as `count_words` has them

Lost = collections.namedtuple("Lost", "bytes words")
Lost.__doc__ = """What tokens do not give back of a text: UTF-8 bytes, and words and line ends.

In each line, what is not in the longest common subsequence of the text and the decoded text; where
they have the same words, how much white space of each kind is gone.
"""


def encode_measured(tokenizer, texts, begun=False):
    """Encodes texts, and measures what that loses of them.

    Args:
        tokenizer: A `Tokenizer`.
        texts: Strings.
        begun: Whether the first is a part of a text and not its first (`lm_zoo.text.cuts`).

    Returns:
        `(ids, counts, lost)`: all ids, int32 `(total,)`; each text's number of ids, int64
        `(texts,)`; a `Lost`.
    """
    parts, begins, owners = [], [], []
    for owner, text in enumerate(texts):
        before = len(parts)
        parts.extend(lines(text) if tokenizer.in_streams else filter(None, [text]))
        begins.extend(place == before for place in range(before, len(parts)))
        owners.extend([owner] * (len(parts) - before))
    if begun and begins:
        begins[0] = False
    ids, part_counts = tokenizer.encode_parts(parts, begins)
    counts = np.zeros(len(texts), np.int64)
    np.add.at(counts, np.array(owners, np.int64), part_counts)
    return ids, counts, _measure(tokenizer, parts, begins, ids, part_counts)


def lost_between(data, decoded):
    """Returns the `Lost` between a line's bytes and what its tokens give back."""
    if data == decoded:
        return Lost(0, 0)
    if split_words(data) == split_words(decoded):
        return _lost_between_words(data, decoded)
    if len(data) > MAX_LINE_BYTES or len(decoded) > MAX_LINE_BYTES:
        # Unaligned, it can only be said how many bytes of each value, and how many words, are gone.
        gone = np.maximum(_histogram(data) - _histogram(decoded), 0)
        return Lost(int(gone.sum()), max(0, count_words(data) - count_words(decoded)))
    from rapidfuzz.distance import LCSseq

    words, decoded_words = _WORDS.findall(data), _WORDS.findall(decoded)
    return Lost(
        len(data) - LCSseq.similarity(data, decoded),
        len(words) - LCSseq.similarity(words, decoded_words),
    )


def _lost_between_words(data, decoded):
    """`lost_between` for texts that differ only in the white space around the same words."""
    gone = [max(0, data.count(space) - decoded.count(space)) for space in _SPACES]
    return Lost(sum(gone), gone[0])


def _measure(tokenizer, parts, begins, ids, counts):
    """Returns the `Lost` of parts whose ids, and counts of them, are given."""
    ends = np.cumsum(counts).tolist()
    num_bytes = num_words = 0
    for first, last in _groups(parts):
        start = ends[first - 1] if first else 0
        found = _decoded(tokenizer, ids[start : ends[last - 1]], begins[first])
        if found == utf8("".join(parts[first:last])):
            continue
        for part, begin, end in zip(parts[first:last], begins[first:last], ends[first:last]):
            lost = lost_between(utf8(part), _decoded(tokenizer, ids[start:end], begin))
            num_bytes, num_words, start = num_bytes + lost.bytes, num_words + lost.words, end
    return Lost(num_bytes, num_words)


def _groups(parts):
    """Yields `(first, last + 1)` of consecutive parts with about `GROUP_CHARACTERS` together."""
    first, characters = 0, 0
    for place, part in enumerate(parts, 1):
        characters += len(part)
        if characters >= GROUP_CHARACTERS or place == len(parts):
            yield first, place
            first, characters = place, 0


def _decoded(tokenizer, ids, begins):
    """Returns the bytes of ids, with which a text begins or not."""
    decode = tokenizer.decode_bytes if begins else tokenizer.decode_part
    if len(ids) <= DECODED_TOKENS:
        return decode(ids)
    pieces = [decode(ids[:DECODED_TOKENS])]
    for start in range(DECODED_TOKENS, len(ids), DECODED_TOKENS):
        before = len(tokenizer.decode_part(ids[start - CONTEXT : start]))
        found = tokenizer.decode_part(ids[start - CONTEXT : start + DECODED_TOKENS])
        pieces.append(found[before:])
    return b"".join(pieces)


def _histogram(data):
    return np.bincount(np.frombuffer(data, np.uint8), minlength=256)
