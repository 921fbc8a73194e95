"""Stop strings inside a graph, with the meaning that `TextStream` gives them."""

import tensorflow as tf

NEVER = tf.int32.max


def find_stops(texts, stops):
    """Finds the stop string that is complete first, reading character by character.

    Args:
        texts: Valid UTF-8, `(batch,)`.
        stops: `(batch, number)`.

    Returns:
        `(begins, ends)`: its first byte and the one after its last, int32 `(batch,)`; `NEVER` where
        there is none. Of two that end together, the longer one.
    """
    number = tf.shape(stops)[1]

    def find(pair):
        text, stop = pair

        def place():
            pieces = tf.strings.split([text], sep=stop, maxsplit=1)[0]
            return tf.where(tf.size(pieces) > 1, tf.strings.length(pieces[0]), NEVER)

        # An empty separator would mean white space.
        return tf.cond((stop != "") & (text != ""), place, lambda: NEVER)

    pairs = (tf.repeat(texts, number), tf.reshape(stops, (-1,)))
    begins = tf.reshape(tf.map_fn(find, pairs, fn_output_signature=tf.int32), tf.shape(stops))
    ends = tf.where(begins == NEVER, NEVER, begins + tf.strings.length(stops))
    first = tf.reduce_min(tf.concat([ends, tf.fill((tf.shape(ends)[0], 1), NEVER)], 1), 1)
    among = tf.where(ends == first[:, None], begins, NEVER)
    return tf.reduce_min(tf.concat([among, first[:, None]], 1), 1), first


def cut_at_stops(texts, stops):
    """Returns the texts up to the stop string that is complete first."""
    begins, _ = find_stops(texts, stops)
    return tf.strings.substr(texts, tf.zeros_like(begins), begins)


def tokens_until_stop(text_of, counts_before, counts, stops):
    """Finds how many tokens of each row it takes for a stop string to be complete.

    Args:
        text_of: Function `(rows, counts)` of two int32 vectors that returns the texts of the rows'
            first tokens.
        counts_before: Tokens of each row whose text holds no stop string, int32 `(batch,)`.
        counts: Tokens of each row, int32 `(batch,)`.
        stops: `(batch, number)`.

    Returns:
        `(counts, stopped)`: int32 `(batch,)`, as given where there is no stop string; and where
        there is one, bool `(batch,)`.
    """
    rows = tf.range(tf.shape(counts)[0])
    _, ends = find_stops(text_of(rows, counts), stops)
    stopped = (ends != NEVER) & (counts > counts_before)

    def shortest():
        which = tf.where(stopped)
        rows = tf.cast(which[:, 0], tf.int32)  # (R,)
        last = tf.gather(counts, rows)
        most = tf.reduce_max(counts - counts_before)
        tried = tf.gather(counts_before, rows)[:, None] + 1 + tf.range(most)  # (R, N)
        tried = tf.minimum(tried, last[:, None])
        repeated = tf.repeat(rows, most)
        texts = text_of(repeated, tf.reshape(tried, (-1,)))
        _, ends = find_stops(texts, tf.gather(stops, repeated))
        complete = tf.reshape(ends != NEVER, tf.shape(tried))
        needed = tf.reduce_min(tf.where(complete, tried, last[:, None]), 1)
        return tf.tensor_scatter_nd_update(counts, which, needed)

    return tf.cond(tf.reduce_any(stopped), shortest, lambda: counts), stopped
