"""Initial weights that depend on a seed and on the weight's name alone.

Each weight draws from a seed of its own, derived from the model's seed and the path of names that
leads to the weight. So the same seed gives the same weights in any process, whatever was built
before, and adding a layer leaves the others' weights as they were.
"""

import hashlib

import keras


def derive_seed(seed, name):
    """Returns the seed of the part called `name`, or None (a new draw each time) if `seed` is."""
    if seed is None:
        return None
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1  # below 2**31, which Keras takes on every backend


def uniform(scale, seed, name):
    """Uniform between minus and plus `scale`; `seed` is the owner's, `name` the weight's."""
    return keras.initializers.RandomUniform(-scale, scale, seed=derive_seed(seed, name))


def normal(stddev, seed, name):
    """Normal with mean 0; `seed` is the owner's, `name` the weight's."""
    return keras.initializers.RandomNormal(0.0, stddev, seed=derive_seed(seed, name))


def glorot(seed, name):
    return keras.initializers.GlorotUniform(seed=derive_seed(seed, name))


def uniform_or_glorot(scale, seed, name):
    """Uniform between minus and plus `scale`, or Glorot's where it is 0."""
    return uniform(scale, seed, name) if scale else glorot(seed, name)


def orthogonal(seed, name):
    return keras.initializers.Orthogonal(seed=derive_seed(seed, name))
