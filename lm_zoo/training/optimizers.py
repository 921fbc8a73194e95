"""Keras optimizers built from the config; the trainer reduces and clips, they only update."""

import keras

from lm_zoo.training.adafactor import Adafactor


def build_optimizer(config, variables):
    """Builds the optimizer and its slots.

    Args:
        config: An `OptimizerConfig`.
        variables: The trainable variables. Weight decay leaves out those with fewer than two
            dimensions (biases and normalisation gains), as GPT-2 and nanoGPT do.

    Returns:
        A built Keras optimizer without clipping of its own: Keras clips before gradients of several
        replicas are summed, which makes the result depend on their number.
    """
    rate, decay = config.learning_rate, config.weight_decay or None
    betas = {"beta_1": config.beta1, "beta_2": config.beta2}
    makers = {
        "sgd": lambda: keras.optimizers.SGD(rate, weight_decay=decay),
        "momentum": lambda: keras.optimizers.SGD(
            rate, momentum=config.momentum, weight_decay=decay
        ),
        "adam": lambda: keras.optimizers.Adam(
            rate, epsilon=config.epsilon, weight_decay=decay, **betas
        ),
        "adamw": lambda: keras.optimizers.AdamW(
            rate, epsilon=config.epsilon, weight_decay=config.weight_decay, **betas
        ),
        "adafactor": lambda: Adafactor(rate, weight_decay=decay),
        "lion": lambda: keras.optimizers.Lion(rate, weight_decay=decay, **betas),
    }
    optimizer = makers[config.name]()
    if config.weight_decay:
        optimizer.exclude_from_weight_decay(var_list=[v for v in variables if len(v.shape) < 2])
    optimizer.build(variables)
    return optimizer
