"""The merges of byte-pair encoding with TensorFlow ops, many at a time."""

import bisect
import collections

import numpy as np
import tensorflow as tf

from lm_zoo.text.in_graph.ops import shift

NO_RANK = np.iinfo(np.int32).max


class MergeRules:
    """Merges the symbols of pieces, as merging one pair at a time would.

    The reference merges the leftmost pair of the lowest rank of a piece, again and again, which for
    a piece of n bytes is n steps. Here every pair is merged at once that no other merge can forestall:
    another one takes one of its two tokens away only if that forms a pair of a lower rank with some
    token beside it. How long such a token can be is known from the rules, and it comes of pairs of
    lower ranks among its own bytes: so a pair is safe if none of a lower rank stands so near.

    Args:
        vocabulary: Token -> id.
        merges: Pairs of tokens, the earliest learned first.
    """

    def __init__(self, vocabulary, merges):
        self.size = len(vocabulary)
        rank_of = {pair: rank for rank, pair in enumerate(merges)}
        before, after = collections.defaultdict(_Longest), collections.defaultdict(_Longest)
        for (left, right), rank in sorted(rank_of.items(), key=lambda item: item[1]):
            before[right].add(rank, len(left))  # what may take `right` from its right neighbour
            after[left].add(rank, len(right))
        earliest_use = {}
        for pair, rank in rank_of.items():
            for token in pair:
                earliest_use[token] = min(rank, earliest_use.get(token, rank))
        rows = sorted(
            (
                vocabulary[a] * self.size + vocabulary[b],
                rank,
                vocabulary[a + b],
                before[a].until(rank),
                after[b].until(rank),
                earliest_use.get(a + b, NO_RANK) < rank,
            )
            for (a, b), rank in rank_of.items()
        )
        columns = list(zip(*rows)) or [()] * 6
        self.keys = np.array(columns[0], np.int64)
        self.ranks, self.merged, self.before, self.after = (
            np.array(column, np.int32) for column in columns[1:5]
        )
        # Whether the merged token is part of a pair that was learned earlier: then those to the
        # left of the same rank come before, too.
        self.one_at_a_time = np.array(columns[5], bool)

    def merge(self, symbols, pieces, num_pieces):
        """Merges pairs until no rule applies.

        Args:
            symbols: Token ids, int32 `(symbols,)`.
            pieces: The piece that each belongs to, int32 `(symbols,)`, ascending without gaps.
            num_pieces: Number of pieces.

        Returns:
            The merged symbols and their pieces.
        """
        if not len(self.keys):
            return symbols, pieces
        symbols, pieces, _ = tf.while_loop(
            lambda symbols, pieces, again: again,
            self._merge_once,
            (symbols, pieces, tf.size(symbols) > 1),
            shape_invariants=(tf.TensorShape([None]), tf.TensorShape([None]), tf.TensorShape([])),
        )
        return symbols, pieces

    def _merge_once(self, symbols, pieces, _):
        """Merges every pair that is safe to merge; says whether there was one."""
        left, right = symbols[:-1], symbols[1:]  # (pairs,)
        places = tf.range(tf.size(left))
        keys = tf.cast(left, tf.int64) * self.size + tf.cast(right, tf.int64)
        rules = tf.minimum(tf.searchsorted(tf.constant(self.keys), keys), len(self.keys) - 1)
        together = pieces[:-1] == pieces[1:]
        found = together & (tf.gather(tf.constant(self.keys), rules) == keys)
        ranks = tf.where(found, tf.gather(tf.constant(self.ranks), rules), NO_RANK)

        # The pairs of each piece stand from `first` to before `last`.
        begins = tf.cast(tf.where(~together)[:, 0], tf.int32)
        bounds = tf.concat([[-1], begins, [tf.size(left)]], axis=0)
        nearest = tf.searchsorted(bounds, places, side="left")
        first, last = tf.gather(bounds, nearest - 1) + 1, tf.gather(bounds, nearest)
        lowest = _Minima(ranks, max(self.before.max(), self.after.max()))
        reach = tf.gather(tf.constant(self.before), rules)
        lowest_before = lowest.between(tf.maximum(places - reach, first), places)
        reach = tf.gather(tf.constant(self.after), rules)
        lowest_after = lowest.between(places + 1, tf.minimum(places + 1 + reach, last))
        if self.one_at_a_time.any():
            alone = tf.gather(tf.constant(self.one_at_a_time), rules)
            lowest_before -= tf.cast(alone & (lowest_before < NO_RANK), tf.int32)

        # In "aaaa" the pair (a, a) stands at three places; from the left, every other one counts.
        run_starts = found & (ranks != shift(ranks, 1, NO_RANK))
        run_starts |= found & shift(~together, 1, True)
        run = tf.maximum(tf.cumsum(tf.cast(run_starts, tf.int32)) - 1, 0)
        run_start = tf.gather(tf.concat([tf.boolean_mask(places, run_starts), [0]], axis=0), run)
        begun_safely = tf.gather(lowest_before >= ranks, run_start)
        taken = found & begun_safely & (lowest_before >= ranks) & (lowest_after >= ranks)
        taken &= (places - run_start) % 2 == 0

        merged = tf.where(taken, tf.gather(tf.constant(self.merged), rules), left)
        kept = tf.concat([[True], ~taken], axis=0)
        symbols = tf.boolean_mask(tf.concat([merged, symbols[-1:]], axis=0), kept)
        again = tf.reduce_any(taken) & (tf.size(symbols) > 1)
        return symbols, tf.boolean_mask(pieces, kept), again


class _Longest:
    """The longest of the tokens in rules of lower ranks than a given one."""

    def __init__(self):
        self._ranks, self._lengths = [], []

    def add(self, rank, length):
        """Notes a token; ranks come in ascending order."""
        longest = self._lengths[-1] if self._lengths else 0
        if length > longest:
            self._ranks.append(rank)
            self._lengths.append(length)

    def until(self, rank):
        place = bisect.bisect_left(self._ranks, rank)
        return self._lengths[place - 1] if place else 0


class _Minima:
    """The least of the values between any two places that are near each other.

    Args:
        values: int32 `(places,)`.
        farthest: The most places in between.
    """

    def __init__(self, values, farthest):
        rows, length = [values], 1
        while 2 * length <= farthest:  # row k: the least of 2 ** k values from each place on
            rows.append(tf.minimum(rows[-1], shift(rows[-1], -length, NO_RANK)))
            length *= 2
        self._table = tf.reshape(tf.stack(rows), (-1,))
        self._size = tf.size(values)
        powers = np.zeros(farthest + 2, np.int32)
        for count in range(2, farthest + 2):
            powers[count] = powers[count // 2] + 1
        self._powers = np.minimum(powers, len(rows) - 1)

    def between(self, begin, end):
        """Returns the least values from `begin` to before `end`, or the largest number if none."""
        count = tf.maximum(end - begin, 0)
        power = tf.gather(tf.constant(self._powers), tf.minimum(count, len(self._powers) - 1))
        row = power * self._size
        last = tf.maximum(end - tf.bitwise.left_shift(1, power), 0)
        begin = tf.minimum(begin, self._size - 1)
        least = tf.minimum(tf.gather(self._table, row + begin), tf.gather(self._table, row + last))
        return tf.where(count > 0, least, NO_RANK)
