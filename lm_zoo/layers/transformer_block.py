"""One block of a decoder-only Transformer."""

import keras

from lm_zoo.layers.attention import CausalSelfAttention
from lm_zoo.layers.configurable import Configurable
from lm_zoo.layers.dropout import Dropout
from lm_zoo.layers.feed_forward import FeedForward
from lm_zoo.layers.initializers import derive_seed
from lm_zoo.layers.normalization import normalization as new_normalization


@keras.saving.register_keras_serializable(package="lm_zoo")
class TransformerBlock(Configurable, keras.layers.Layer):
    """Attention and feed-forward, each after a normalisation and with a residual around it.

    Args:
        hidden_dim: Width.
        num_heads: Query heads.
        num_kv_heads: Key/value heads.
        intermediate_dim: Width inside the feed-forward part.
        normalization: `layer_norm` or `rms_norm`.
        feed_forward: `gelu`, `relu` or `swiglu`.
        dropout: Share dropped of the attention weights and of each part's output in training.
        use_bias: Whether products and layer normalisations have biases.
        residual_stddev: Standard deviation of the initial weights that write to the residual.
        seed: Of the initial weights and of dropout; None draws them anew each time.
    """

    def __init__(
        self,
        hidden_dim: int,
        num_heads: int,
        num_kv_heads: int,
        intermediate_dim: int,
        normalization: str = "layer_norm",
        feed_forward: str = "gelu",
        dropout: float = 0.0,
        use_bias: bool = True,
        residual_stddev: float = 0.02,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.hidden_dim = hidden_dim
        self.num_heads = num_heads
        self.num_kv_heads = num_kv_heads
        self.intermediate_dim = intermediate_dim
        self.normalization = normalization
        self.feed_forward = feed_forward
        self.dropout = dropout
        self.use_bias = use_bias
        self.residual_stddev = residual_stddev
        self.seed = seed
        dtype = self.dtype_policy
        self.attention_norm = new_normalization(normalization, use_bias, "attention_norm", dtype)
        self.attention = CausalSelfAttention(
            hidden_dim,
            num_heads,
            num_kv_heads,
            dropout=dropout,
            use_bias=use_bias,
            output_stddev=residual_stddev,
            seed=derive_seed(seed, "attention"),
            name="attention",
            dtype=dtype,
        )
        self.attention_dropout = Dropout(
            dropout, derive_seed(seed, "attention_dropout"), name="attention_dropout", dtype=dtype
        )
        self.mlp_norm = new_normalization(normalization, use_bias, "mlp_norm", dtype)
        self.mlp = FeedForward(
            hidden_dim,
            intermediate_dim,
            kind=feed_forward,
            use_bias=use_bias,
            output_stddev=residual_stddev,
            seed=derive_seed(seed, "mlp"),
            name="mlp",
            dtype=dtype,
        )
        self.mlp_dropout = Dropout(
            dropout, derive_seed(seed, "mlp_dropout"), name="mlp_dropout", dtype=dtype
        )

    def build(self, input_shape=None):
        shape = (None, None, self.hidden_dim)
        for layer in (self.attention_norm, self.attention, self.mlp_norm, self.mlp):
            layer.build(shape)
        self.attention_dropout.build()
        self.mlp_dropout.build()

    def call(self, x, mask, rotation=None, cache=None, position=None, sources=None, training=False):
        """Returns `(x, cache)`; the arguments are those of `CausalSelfAttention`."""
        y, cache = self.attention(
            self.attention_norm(x),
            mask,
            rotation=rotation,
            cache=cache,
            position=position,
            sources=sources,
            training=training,
        )
        x = x + self.attention_dropout(y, training=training)
        y = self.mlp(self.mlp_norm(x))
        return x + self.mlp_dropout(y, training=training), cache

    def flops_per_token(self, sequence_length):
        return self.attention.flops_per_token(sequence_length) + self.mlp.flops_per_token()
