"""Small models that the tests of this folder sweep over: name in the registry and arguments."""

from lm_zoo.registry import build_model

VOCAB_SIZE = 13

CASES = {
    "rnn": ("rnn_lm", dict(hidden_dim=8, num_layers=2)),
    "rnn_relu": ("rnn_lm", dict(hidden_dim=8, activation="relu", init_scale=0.3)),
    "gru": ("gru_lm", dict(hidden_dim=8, num_layers=2, embedding_dim=5)),
    "lstm": ("lstm_lm", dict(hidden_dim=8, num_layers=2)),
    "lstm_tied": ("lstm_lm", dict(hidden_dim=8, embedding_dim=5, tie_embeddings=True)),
    "gpt2": (
        "transformer_decoder",
        dict(hidden_dim=16, num_layers=2, num_heads=2, context_length=24),
    ),
    "modern": (
        "transformer_decoder",
        dict(
            hidden_dim=16,
            num_layers=2,
            num_heads=4,
            num_kv_heads=2,
            context_length=24,
            position="rope",
            normalization="rms_norm",
            feed_forward="swiglu",
            use_bias=False,
            tie_embeddings=False,
        ),
    ),
}


def make(case, **arguments):
    name, own = CASES[case]
    return build_model(name, vocab_size=VOCAB_SIZE, **{**own, **arguments})
