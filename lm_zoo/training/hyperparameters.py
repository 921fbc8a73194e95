"""What the HPARAMS tab says of a run: what it learns with, not where it is kept."""

import math

from lm_zoo.config import config_json

# TensorBoard shows five columns: those that differ between runs, in the order of their names, in
# which capitals come first.
_FIELDS = (
    "corpus.name",
    "data.batch_size",
    "optimizer.",
    "schedule.",
    "seed",
    "task.",
    "tokenizer",
    "training.precision",
)
_OF_KERAS = ("name", "dtype", "seed", "trainable")


def hyperparameters(config, model, total_steps):
    """Returns name -> number, string or bool; model, parameters and learning rate first.

    Args:
        config: A resolved `ExperimentConfig`.
        model: The model that is trained.
        total_steps: Steps in the whole run.
    """
    flat = config_json.flatten(config)
    rate = flat.pop("optimizer.learning_rate")
    found = {
        "Model": config.model.name,
        "Parameters": sum(math.prod(weight.shape) for weight in model.weights),
        "Peak learning rate": rate,
        "training.steps": total_steps,
        **{f"model.{name}": value for name, value in _arguments(model.get_config())},
        **{name: value for name, value in flat.items() if name.startswith(_FIELDS)},
    }
    return {name: value for name, value in found.items() if isinstance(value, (int, float, str))}


def _arguments(values):
    """Yields the constructor arguments of a model and, of one with a head, of what it stands on."""
    for name, value in values.items():
        if isinstance(value, dict) and "config" in value and name not in _OF_KERAS:
            yield from _arguments(value["config"])
        elif name not in _OF_KERAS:
            yield name, value
