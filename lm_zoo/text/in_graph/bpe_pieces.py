"""Cutting text into the pieces of byte-level BPE with TensorFlow ops, all of a batch at once.

TensorFlow's regular expressions know no look-ahead, and have other tables of Unicode than the
`tokenizers` library. Here the library is asked for the class of each character; where a piece that
begins at a character would end follows from the runs of equal classes around it, for all characters
side by side; and the pieces are those that are met from the beginning on.
"""

import functools

import numpy as np
import tensorflow as tf

from lm_zoo.text.in_graph.ops import chain, next_place, shift

OTHER, LETTER, NUMBER, SPACE = range(4)


def piece_starts(split, characters, firsts):
    """Marks where pieces begin.

    Args:
        split: A `Split`.
        characters: Code points of all texts, int32 `(characters,)`.
        firsts: Where a text begins, or anything that knows nothing of what stands before it, bool
            `(characters,)`.

    Returns:
        bool `(characters,)`.
    """
    starts, classes = character_classes()
    intervals = tf.searchsorted(tf.constant(starts), characters, side="right")
    classes = tf.gather(tf.constant(classes), intervals - 1)
    size, places = tf.size(characters), tf.range(tf.size(characters))
    text_ends = next_place(firsts)
    run_ends = next_place(firsts | (classes != shift(classes, 1, -1)))
    newlines = (characters == ord("\n")) | (characters == ord("\r"))
    newline_ends = next_place(firsts | (newlines != shift(newlines, 1, False)))

    def at(values, where, fill):
        """Values at places of the same text, `fill` beyond its end."""
        there = tf.gather(values, tf.minimum(where, size - 1))
        return tf.where(where < text_ends, there, fill)

    def with_newlines(ends):
        follows = at(newlines, ends, False)
        return tf.where(follows, at(newline_ends, ends, 0), ends)

    # Numbers.
    ends = run_ends
    if split.most_digits:
        ends = tf.where(classes == NUMBER, tf.minimum(ends, places + split.most_digits), ends)
    # Other visible characters, and white space: all of it at a text's end, else all but the last.
    others = with_newlines if split.takes_newlines else lambda ends: ends
    ends = tf.where(classes == OTHER, others(ends), ends)
    whole = (run_ends == text_ends) | (run_ends == places + 1)
    blank_ends = tf.where(whole, run_ends, run_ends - 1)
    if split.takes_newlines:
        of_newlines = tf.concat([[-1], tf.cast(tf.where(newlines)[:, 0], tf.int32)], axis=0)
        last = tf.gather(of_newlines, tf.searchsorted(of_newlines, run_ends, side="left") - 1)
        blank_ends = tf.where(last >= places, last + 1, blank_ends)
    ends = tf.where(classes == SPACE, blank_ends, ends)
    # What takes a character before it.
    next_class, next_end = at(classes, places + 1, -1), at(run_ends, places + 1, 0)
    space = characters == ord(" ")
    ends = tf.where(space & (next_class == OTHER), others(next_end), ends)
    if split.any_prefix:
        prefix = ((classes == OTHER) | (classes == SPACE)) & ~newlines
        ends = tf.where(prefix & (next_class == LETTER), next_end, ends)
    else:
        words = (next_class == LETTER) | (next_class == NUMBER)
        ends = tf.where(space & words, next_end, ends)
    # Contractions.
    one, two = _contractions(split, characters, places, at)
    ends = tf.where(one, places + 2, tf.where(two, places + 3, ends))
    return chain(firsts, ends, text_ends)


def _contractions(split, characters, places, at):
    """Marks apostrophes with one of s, t, m, d after them, and with one of re, ve, ll."""
    here = characters == ord("'")
    next_1, next_2 = (at(characters, places + ahead, -1) for ahead in (1, 2))

    def among(values, letters):
        found = tf.zeros_like(here)
        for letter in _forms(letters) if split.ignores_case else letters:
            found |= values == ord(letter)
        return found

    one = among(next_1, "stmd")
    two = tf.zeros_like(here)
    for first, second in ("re", "ve", "ll"):
        two |= among(next_1, first) & among(next_2, second)
    return here & one, here & two & ~one


@functools.cache
def _forms(letters):
    """Returns all characters that the library takes for these letters where case is ignored."""
    return "".join(map(chr, np.flatnonzero(_matching(f"(?i:[{letters}])"))))


def _matching(pattern):
    """Returns which characters a pattern of the library matches, bool, by code point.

    The `tokenizers` library is asked, since its Unicode tables are the ones to agree with; Python's
    differ by version.
    """
    from tokenizers import Regex, pre_tokenizers

    # Planes 4 to 13 hold nothing, and those after them no letter, number or space.
    text = "".join(" " if 0xD800 <= c < 0xE000 else chr(c) for c in range(0x40000))
    matching = np.ones(len(text), bool)
    splitter = pre_tokenizers.Split(Regex(pattern), behavior="removed")
    for _, (start, stop) in splitter.pre_tokenize_str(text):
        matching[start:stop] = False
    matching[0xD800:0xE000] = False
    return matching


@functools.cache
def character_classes():
    """Returns which characters are letters, numbers and white space, as the library sees them.

    Returns:
        `(starts, classes)`: int32 arrays of the first code point of each interval, ascending from
        0, and its class.
    """
    kinds = ((r"\p{L}+", LETTER), (r"\p{N}+", NUMBER), (r"\s+", SPACE))
    found = [(_matching(pattern), number) for pattern, number in kinds]
    classes = np.full(len(found[0][0]), OTHER, np.int32)
    for matching, number in found:
        classes[matching] = number
    starts = np.flatnonzero(np.diff(classes, prepend=-1)).astype(np.int32)
    ending = np.array([len(classes)], np.int32)
    return np.concatenate([starts, ending]), np.concatenate([classes[starts], [np.int32(OTHER)]])
