"""Small things that many tests need: batches, tasks and splits without a corpus."""

import numpy as np

from lm_zoo.config import ExperimentConfig, TaskConfig, config_checks
from lm_zoo.data.batching.batches import Batch, ContiguousBatches, WindowBatches
from lm_zoo.data.examples import ExampleSplit
from lm_zoo.data.tokens.token_files import TokenSplit
from lm_zoo.tasks.language_modeling.task import LanguageModeling
from lm_zoo.tasks.translation.task import Translation
from lm_zoo.training.train_step import TrainStep

END = 0  # the end token of splits of documents
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
    split = token_split(np.zeros(100, np.int32))
    return ContiguousBatches(split, 2, 4) if carries_state else WindowBatches(split, 2, 4)


def token_split(tokens, name="test", shards=1, **figures):
    """A `TokenSplit` of ids in that many shards; figures are `num_bytes`, `document_starts`, ..."""
    return TokenSplit(name, tuple(np.array_split(tokens, shards)), **figures)


def position_split(num_tokens, shards=3, **figures):
    """A split that holds its own positions, so that a batch shows which tokens it was made of."""
    return token_split(np.arange(num_tokens), "train", shards, **figures)


def document_split(documents, name="test", end=END, **figures):
    """A split of lists of token ids; an end token stands before the first and after each."""
    rows = [[end], *([*document, end] for document in documents)]
    starts = np.cumsum([len(row) for row in rows], dtype=np.int64) - 1
    tokens = np.array([token for row in rows for token in row], np.uint16)
    figures = {"text_sha256": "a" * 64, "document_starts": starts} | figures
    return token_split(tokens, name, **figures)


def random_lengths(count, longest):
    """That many numbers from 1 to the longest."""
    return np.random.default_rng(1).integers(1, longest + 1, count)


def random_documents(num_targets, vocab_size, name="train", shards=1, **figures):
    """A split of documents of random ids above `END`, which stands before and after each.

    Args:
        num_targets: Targets of each document: its ids, and the `END` after them.
        vocab_size: The ids are below it.
        name: Of the split.
        shards: How many it is cut into.
        **figures: Of the `TokenSplit`.
    """
    starts = np.cumsum([0, *num_targets], dtype=np.int64)
    tokens = np.random.default_rng(0).integers(END + 1, vocab_size, starts[-1] + 1)
    tokens[starts] = END
    return token_split(tokens.astype(np.uint16), name, shards, document_starts=starts, **figures)


def example_split(name="test", **fields):
    """An `ExampleSplit` of `TokenSplit`s by field."""
    return ExampleSplit(name, fields)
