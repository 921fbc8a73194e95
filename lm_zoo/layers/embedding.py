"""The table that turns token ids into vectors, and vectors into logits where the head is tied."""

from typing import Any

import keras
import tensorflow as tf

from lm_zoo.layers.configurable import ConfigurableLayer
from lm_zoo.types import Tensor


@keras.saving.register_keras_serializable(package="lm_zoo")
class Embedding(ConfigurableLayer):
    """A lookup whose gradient is a dense tensor.

    Keras' embedding has a sparse gradient, whose repeated rows most Keras optimizers and all
    clipping treat wrongly. A dense one makes plain `compile`/`fit` right, at no further cost, since
    clipping and most updates read the whole table anyway.

    Args:
        num_embeddings: Rows of the table.
        embedding_dim: Width of a row.
        initializer: Of the table.

    Call arguments:
        ids: Integers, any shape.

    Returns:
        The rows in the compute dtype, shape `ids.shape + (embedding_dim,)`. The table is looked up
        in float32, and only the rows are rounded to a mixed policy's compute dtype.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, initializer: str = "uniform", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.initializer = keras.initializers.get(initializer)

    def build(self, input_shape: Any = None) -> None:
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.num_embeddings, self.embedding_dim),
            initializer=self.initializer,
            autocast=False,
        )

    def call(self, ids: Tensor) -> Tensor:
        if not ids.dtype.is_integer:  # `keras.Sequential` gives floats
            ids = tf.cast(ids, tf.int32)
        return tf.cast(_lookup(self.table, ids), self.compute_dtype)

    @property
    def table(self) -> str:
        """The whole table as a float32 tensor, for a tied output projection."""
        return tf.convert_to_tensor(self.embeddings)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape, self.embedding_dim)


@tf.custom_gradient
def _lookup(table, ids):
    def gradient(d_rows):
        width = table.shape[1]
        flat = tf.reshape(d_rows, (-1, width))
        return tf.math.unsorted_segment_sum(flat, tf.reshape(ids, (-1,)), table.shape[0]), None

    return tf.gather(table, ids), gradient
