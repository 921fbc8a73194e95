"""What attention needs to know where one row holds several documents."""

import typing

import tensorflow as tf

from lm_zoo.layers.attention.key_value_cache import additive_mask


class Documents(typing.NamedTuple):
    """How new tokens stand to each other and to a cache of S earlier ones.

    Attributes:
        positions: Of each new token in its document, int32 `(batch, length)`.
        mask: Added to the scores over the cache's slots and the new tokens, in this order: 0 for
            what stands before in the same document, else -1e30; float32 `(batch, 1, length, S +
            length)`.
        sources: Where each slot of the next cache comes from, an index into the cache's slots and
            the new tokens: the last document moves to the front. int32 `(batch, S)`.
        num_read: How many tokens of its last document each row has read, int32 `(batch,)`.
    """

    positions: tf.Tensor
    mask: tf.Tensor
    sources: tf.Tensor
    num_read: tf.Tensor


def read_documents(document_starts, position, num_slots):
    """Works out `Documents` for the next tokens of each row.

    Args:
        document_starts: True where a token begins a document, bool `(batch, length)`.
        position: Tokens that each row has read of the document it is in, int32 `(batch,)`.
        num_slots: Slots of the cache; 0 without one.
    """
    length = tf.shape(document_starts)[1]
    places, slots = tf.range(length), tf.range(num_slots)
    earlier = places[None] <= places[:, None]  # (T, T)
    starts = tf.where(document_starts, places, -1)  # (B, T)
    # The place where each token's document began; -1 where that was before these tokens.
    begins = tf.reduce_max(tf.where(earlier, starts[:, None], -1), -1)  # (B, T)
    goes_on = begins < 0
    in_cache = goes_on[..., None] & (slots < position[:, None])[:, None]  # (B, T, S)
    in_new = earlier & (places >= begins[..., None])  # (B, T, T)
    last = begins[:, -1]
    carried = tf.where(slots < position[:, None], slots, num_slots + slots - position[:, None])
    sources = tf.where(goes_on[:, -1:], carried, num_slots + last[:, None] + slots)  # (B, S)
    return Documents(
        positions=places - tf.where(goes_on, -position[:, None], begins),
        mask=additive_mask(tf.concat([in_cache, in_new], -1))[:, None],
        # Slots beyond the last token hold anything; no mask lets it be seen.
        sources=tf.minimum(sources, num_slots + length - 1),
        num_read=tf.where(goes_on[:, -1], position + length, length - last),
    )
