"""Small things that many tests need: batches, tasks and splits without a corpus."""

import numpy as np

from lm_zoo import config_checks
from lm_zoo.config import ExperimentConfig, TaskConfig
from lm_zoo.data.batches import Batch, ContiguousBatches, WindowBatches
from lm_zoo.data.examples import ExampleSplit
from lm_zoo.data.token_files import TokenSplit
from lm_zoo.tasks.language_modeling.task import LanguageModeling
from lm_zoo.tasks.translation.task import Translation
from lm_zoo.training.train_step import TrainStep

ROW_FEATURES = ("token_ids", "targets", "weights")


def text_batch(token_ids, targets, weights, reset=True, **features):
    """A `Batch` of rows of text."""
    named = dict(zip(ROW_FEATURES, (token_ids, targets, weights))) | features
    return Batch(named, reset, len(token_ids))


def rows_of(batch):
    """The ids, targets and weights of a batch of text."""
    return [batch.features[name] for name in ROW_FEATURES]


def language_modeling(config, tokenizer=None):
    """The task of a config, without text."""
    return LanguageModeling(config_checks.resolve(config), {"text": tokenizer})


def text_step(model, config, distribution=None, cls=TrainStep):
    """The `TrainStep` of a language model on rows as the config lays them out."""
    task = language_modeling(config)
    batches = batches_like(carries_state=task.arguments.layout == "contiguous")
    return cls(task, model, batches, task.config, distribution)


def translation(source_tokenizer, tokenizer=None, config=None, **arguments):
    """The task translation; both sides share a tokenizer unless there are two."""
    config = config or ExperimentConfig()
    config.task = TaskConfig("translation", **arguments)
    fields = {"source": source_tokenizer, "target": tokenizer or source_tokenizer}
    return Translation(config_checks.resolve(config), fields)


def batches_like(carries_state):
    """Batches that are asked only whether they carry state, and whether their shapes vary."""
    split = TokenSplit("train", (np.zeros(100, np.int32),))
    return ContiguousBatches(split, 2, 4) if carries_state else WindowBatches(split, 2, 4)


def example_split(name="test", **fields):
    """An `ExampleSplit` of `TokenSplit`s by field."""
    return ExampleSplit(name, fields)


def document_split(documents, name="test", end=0):
    """The `TokenSplit` of documents of token ids, an end token before the first and after each."""
    rows = [[end], *([*document, end] for document in documents)]
    starts = np.cumsum([len(row) for row in rows], dtype=np.int64) - 1
    tokens = np.array([token for row in rows for token in row], np.uint16)
    return TokenSplit(name, (tokens,), text_sha256="a" * 64, document_starts=starts)
