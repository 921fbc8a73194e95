"""Checks of a config: every field's name, type and range, before anything is built from it."""

import dataclasses
import math
import typing

from lm_zoo.config import (
    BEST_BY,
    DOCUMENTS,
    LAYOUTS,
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    SPLIT_BY,
    STRATEGIES,
    TOO_LONG,
    ModelConfig,
    flatten,
)
from lm_zoo.errors import UserError, nearest, unknown_name


def check_field_path(config, path):
    """Raises a `UserError` naming the nearest field if `path` ("data.batch_size") does not exist.

    The arguments in `model` belong to the model class; the registry checks them.
    """
    here, walked = config, []
    for part in path.split("."):
        if isinstance(here, ModelConfig):
            return
        if not dataclasses.is_dataclass(here):
            raise UserError(f"config.{path}: {'.'.join(walked)} has no fields of its own.")
        names = [field.name for field in dataclasses.fields(here)]
        if part not in names:
            guess = nearest(path, flatten(config)) or nearest(part, names)
            if not guess:
                raise unknown_name(f"config.{path}", part, names)
            raise UserError(f"config.{path}: there is no such field. Did you mean config.{guess}?")
        walked.append(part)
        here = getattr(here, part)


def validate(config):
    """Checks every field's type and range.

    Returns:
        The config, with integers given for float fields turned into floats.

    Raises:
        UserError: Naming the field, what was expected and what was received.
    """
    _check_types(config, "")
    choices = {
        "data.documents": DOCUMENTS,
        "data.layout": LAYOUTS,
        "data.split_by": SPLIT_BY,
        "data.too_long": TOO_LONG,
        "optimizer.name": OPTIMIZERS,
        "runtime.strategy": STRATEGIES,
        "schedule.name": SCHEDULES,
        "training.best_by": BEST_BY,
        "training.precision": PRECISIONS,
    }
    at_least = {
        "data.batch_size": 1,
        "data.batch_tokens": 0,
        "data.sequence_length": 1,
        "data.window_stride": 0,
        "data.synthetic_pairs": 10,
        "data.synthetic_tokens": 100,
        "data.synthetic_vocab_size": 2,
        "cleaning.sample": 0,
        "cleaning.min_characters": 0,
        "cleaning.max_characters": 0,
        "cleaning.min_words": 0,
        "cleaning.max_words": 0,
        "cleaning.max_symbol_ratio": 0.0,
        "cleaning.max_length_ratio": 1.0,
        "cleaning.near_duplicate_words": 1,
        "cleaning.overlap_words": 1,
        "tokenizer.vocab_size": 0,
        "tokenizer.min_count": 1,
        "tokenizer.training_bytes": 0,
        "source_tokenizer.vocab_size": 0,
        "source_tokenizer.min_count": 1,
        "source_tokenizer.training_bytes": 0,
        "optimizer.clip_norm": 0.0,
        "optimizer.weight_decay": 0.0,
        "schedule.warmup_steps": 0,
        "schedule.decay_start_epoch": 0,
        "schedule.plateau_patience": 1,
        "schedule.final_factor": 0.0,
        "training.steps": 0,
        "training.validation_interval": 0,
        "training.checkpoint_interval": 0,
        "training.log_interval": 1,
        "training.keep_checkpoints": 1,
        "training.early_stopping_patience": 0,
        "training.sample_length": 0,
        "training.sample_translations": 0,
        "training.attention_pictures": 0,
        "evaluation.batch_size": 1,
        "evaluation.sequence_length": 0,
        "evaluation.stride": 0,
        "evaluation.bleu_pairs": 0,
        "runtime.connect_seconds": 1,
        "runtime.logical_cpus": 1,
        "runtime.micro_batches": 1,
        "runtime.steps_per_call": 1,
        "runtime.data_processes": 0,
        "seed": 0,
    }
    positive = (
        "cleaning.near_duplicate_similarity",
        "cleaning.repetition_tolerance",
        "optimizer.learning_rate",
        "optimizer.epsilon",
        "schedule.decay_factor",
    )
    fractions = (  # at least 0 and below 1
        "cleaning.max_overlap",
        "data.validation_fraction",
        "data.test_fraction",
        "optimizer.momentum",
        "optimizer.beta1",
        "optimizer.beta2",
        "optimizer.ema_decay",
        "training.label_smoothing",
    )
    shares = (  # at least 0 and at most 1
        "cleaning.min_alphabetic_words",
        "cleaning.min_language_probability",
        "cleaning.near_duplicate_similarity",
    )
    values = flatten(config)
    for key, names in choices.items():
        if values[key] not in names:
            raise unknown_name(f"config.{key}", values[key], names)
    for key, least in at_least.items():
        _require(values[key] >= least, key, f"at least {least}", values[key])
    for key in positive:
        _require(values[key] > 0, key, "a number above 0", values[key])
    for key in fractions:
        _require(0 <= values[key] < 1, key, "at least 0 and below 1", values[key])
    for key in shares:
        _require(0 <= values[key] <= 1, key, "from 0 to 1", values[key])
    total = values["data.validation_fraction"] + values["data.test_fraction"]
    _require(total < 1, "data.validation_fraction", "validation and test below 1 together", total)
    fraction = values["schedule.decay_fraction"]
    _require(0 < fraction <= 1, "schedule.decay_fraction", "above 0 and at most 1", fraction)
    _require(values["seed"] < 2**31, "seed", "below 2147483648", values["seed"])
    if config.optimizer.name == "lion":
        beta1 = config.optimizer.beta1
        _require(beta1 > 0, "optimizer.beta1", "above 0 with optimizer.name='lion'", beta1)
    if not config.training.steps:
        _require(config.training.epochs > 0, "training.epochs", "above 0", config.training.epochs)
    if config.training.best_by == "bleu":
        layout, pairs = config.data.layout, config.evaluation.bleu_pairs
        _require(layout == "pairs", "data.layout", "'pairs' with training.best_by='bleu'", layout)
        _require(pairs > 0, "evaluation.bleu_pairs", "above 0 with training.best_by='bleu'", pairs)
    rows, parts = config.data.batch_size, config.runtime.micro_batches
    _require(parts <= rows, "runtime.micro_batches", f"at most data.batch_size ({rows})", parts)
    return config


def _require(condition, key, expected, received):
    if not condition:
        raise UserError(f"config.{key}: expected {expected}, received {received!r}.")


def _check_types(config, prefix):
    for field in dataclasses.fields(config):
        value, path = getattr(config, field.name), f"{prefix}{field.name}"
        if field.type is ModelConfig:
            _require(isinstance(value, ModelConfig), path, "a ModelConfig", value)
            _require(isinstance(value.name, str), f"{path}.name", "a string", value.name)
            _require(isinstance(value.size, str), f"{path}.size", "a string", value.size)
        elif dataclasses.is_dataclass(field.type):
            _require(isinstance(value, field.type), path, f"a {field.type.__name__}", value)
            _check_types(value, f"{path}.")
        elif typing.get_origin(field.type) is tuple:
            right = isinstance(value, (tuple, list)) and all(isinstance(v, str) for v in value)
            _require(right, path, "a tuple of strings", value)
            setattr(config, field.name, tuple(value))
        elif field.type is float:
            right = isinstance(value, (int, float)) and not isinstance(value, bool)
            _require(right and math.isfinite(value), path, "a finite number", value)
            setattr(config, field.name, float(value))
        elif field.type is int:
            right = isinstance(value, int) and not isinstance(value, bool)
            _require(right, path, "a whole number", value)
        else:
            _require(isinstance(value, field.type), path, f"a {field.type.__name__}", value)
