"""UTF-8 in a graph against Python's own decoder."""

import codecs
import random

import tensorflow as tf

from lm_zoo.export.in_graph.utf8 import replacing, without_incomplete_end

# Whole characters, their beginnings, surrogates, overlong forms, and bytes that are never there.
PARTS = [
    *("a", "\0", "\n", "\u00e9", "\u20ac", "\U0001f600", "\ufeff", "\ufffd"),
    *(b"\x80", b"\xbf", b"\xc0", b"\xc2", b"\xe0", b"\xe0\xa0", b"\xe2", b"\xe2\x82", b"\xed\xa0"),
    *(
        b"\xed\x9f",
        b"\xf0",
        b"\xf0\x9f",
        b"\xf0\x9f\x98",
        b"\xf0\x80",
        b"\xf4\x8f",
        b"\xf4\x90",
        b"\xff",
    ),
]


def test_what_is_not_utf8_is_replaced_or_waited_for_as_python_does():
    draw = random.Random(0)
    parts = [part if isinstance(part, bytes) else part.encode() for part in PARTS]
    texts = [b"", *parts, *(b"".join(draw.choices(parts, k=4)) for _ in range(3000))]
    for text, found in zip(texts, replacing(tf.constant(texts)).numpy()):
        assert found.decode() == text.decode("utf-8", errors="replace"), text
    certain = replacing(without_incomplete_end(tf.constant(texts))).numpy()
    for text, found in zip(texts, certain):
        assert found.decode() == codecs.getincrementaldecoder("utf-8")("replace").decode(text), text
