"""Times our recurrent layers beside Keras', forwards and backwards, and prints the ratio.

    python tools/benchmark_recurrent.py [RUNS]

Two layers of 650, batch 20, length 35 (Zaremba's medium LSTM), float32, in `tf.function`. The two
sides take turns, so that a machine whose speed drifts is fair to both; medians are compared.
"""

import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from lm_zoo.layers.recurrence.elman import Elman
from lm_zoo.layers.recurrence.gru import GRU
from lm_zoo.layers.recurrence.lstm import LSTM

WIDTH, BATCH, LENGTH, LAYERS = 650, 20, 35, 2
PAIRS = {
    "Elman": (Elman, keras.layers.SimpleRNN),
    "GRU": (GRU, keras.layers.GRU),
    "LSTM": (LSTM, keras.layers.LSTM),
}


def our_step(cls):
    layers = [cls(WIDTH) for _ in range(LAYERS)]

    def forward(x):
        for layer in layers:
            x, _ = layer(x, layer.initial_state(BATCH))
        return x

    return with_gradients(layers, forward)


def keras_step(cls):
    layers = [cls(WIDTH, return_sequences=True) for _ in range(LAYERS)]

    def forward(x):
        for layer in layers:
            x = layer(x)
        return x

    return with_gradients(layers, forward)


def with_gradients(layers, forward):
    x = tf.random.normal((BATCH, LENGTH, WIDTH), seed=0)
    forward(x)
    weights = [weight.value for layer in layers for weight in layer.trainable_weights]

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(forward(x)))
        return tape.gradient(loss, weights)

    return step


def seconds(step):
    start = time.perf_counter()
    step()[0].numpy()
    return time.perf_counter() - start


def main(runs):
    print(f"{LAYERS} x {WIDTH}, batch {BATCH}, length {LENGTH}; medians of {runs} runs each")
    for name, (ours, theirs) in PAIRS.items():
        steps = our_step(ours), keras_step(theirs)
        for step in steps:
            step()  # traced, and its memory touched
            step()
        pairs = [[seconds(step) for step in steps] for _ in range(runs)]
        a, b = (1000 * statistics.median(times) for times in zip(*pairs, strict=True))
        print(f"{name:6} lm_zoo {a:6.1f} ms   keras.layers {b:6.1f} ms   ratio {b / a:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
