"""The table that a new task has to be entered in: one row with all that its promises are tried on.

The tests know nothing else of a task. A row is a tiny config with its text, what each prediction is
called with, and what the task has to refuse.
"""

import dataclasses
import typing

from lm_zoo.config import (
    CorpusConfig,
    DataConfig,
    EvaluationConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    TaskConfig,
    TokenizerConfig,
    TrainingConfig,
)

STEPS, INTERVAL, BATCH_SIZE = 6, 2, 5  # five rows divide among no number of replicas
LAST_CHECKPOINTS = STEPS // INTERVAL  # all are kept


@dataclasses.dataclass(frozen=True)
class Row:
    """What the promises of a task are tried on.

    Attributes:
        files: File name -> text, written into a folder.
        corpus: Name and arguments of `config.corpus`; file names are relative to that folder.
        model: Name and arguments of `config.model`, with dropout.
        calls: Prediction -> `Input` name -> value: what each of the task's predictions is asked.
        arguments: What `config.task` says besides the name; the tests add nothing to it.
        tokenizer: Arguments of `config.tokenizer`.
        tokenizers: Field name -> arguments of its own tokenizer, as in `config.tokenizers`.
        evaluation: Options of an evaluation whose figures do not hang on the batch size.
        wrong_model: Name of a model that the task cannot use.
        wrong_corpus: Name of a corpus that has not the task's fields, and needs no files.
    """

    files: dict
    corpus: tuple
    model: tuple
    calls: dict
    wrong_model: str
    wrong_corpus: str
    arguments: dict = dataclasses.field(default_factory=dict)
    tokenizer: dict = dataclasses.field(default_factory=lambda: {"name": "word"})
    tokenizers: dict = dataclasses.field(default_factory=dict)
    evaluation: typing.Mapping = dataclasses.field(default_factory=dict)

    def config(self, name, folder):
        """Writes the row's files into a folder, and returns the `ExperimentConfig` that reads them.

        Args:
            name: Of the task.
            folder: An existing folder, which gets a cache too.
        """
        for file, text in self.files.items():
            (folder / file).write_text(text, encoding="utf-8")
        corpus, arguments = self.corpus
        return ExperimentConfig(
            seed=3,
            task=TaskConfig(name, **self.arguments),
            corpus=CorpusConfig(corpus, **arguments | {"data_dir": str(folder)}),
            data=DataConfig(batch_size=BATCH_SIZE, cache_dir=str(folder / "cache")),
            tokenizer=TokenizerConfig(**self.tokenizer),
            tokenizers={field: TokenizerConfig(**each) for field, each in self.tokenizers.items()},
            model=ModelConfig(self.model[0], **self.model[1]),
            # A larger epsilon than usual: see `replica_cases.OPTIMIZERS`.
            optimizer=OptimizerConfig(
                name="adam", learning_rate=0.02, clip_norm=0.2, epsilon=1e-5, ema_decay=0.5
            ),
            training=TrainingConfig(
                steps=STEPS,
                validation_interval=INTERVAL,
                log_interval=INTERVAL,
                keep_checkpoints=LAST_CHECKPOINTS,
            ),
            evaluation=EvaluationConfig(batch_size=3),
        )


def _sentences():
    """Sentences in two languages that are alike, and whether the first noun is an animal."""
    words = {"the": "le", "a": "un", "cat": "chat", "dog": "chien", "rose": "rose", "sea": "mer"}
    words |= {"sees": "voit", "is": "est"}
    for number in range(96):
        first, second = ("the", "a")[number % 2], ("the", "a")[number // 2 % 2]
        noun = ("cat", "dog", "rose", "sea")[number // 4 % 4]
        other = ("sea", "rose", "dog")[number // 16 % 3]
        source = f"{first} {noun} sees {second} {other}"
        if number % 5 == 0:
            source = f"{first} {noun} is {second} {other} and {second} {noun}"
        target = " ".join(words.get(word, "et") for word in source.split())
        yield source, target, ("thing", "animal")[noun in ("cat", "dog")]


_SOURCES, _TARGETS, _LABELS = map("\n".join, zip(*_sentences()))
_LENGTHS = {"context_length": 16, "source_length": 64, "dropout": 0.2}
_SHARES = {"validation_fraction": 0.2, "test_fraction": 0.2}

TASKS = {
    "language_modeling": Row(
        arguments={"sequence_length": 6, "sample_length": 0, "evaluation_sequence_length": 16},
        files={"text.txt": f"{_SOURCES}\n"},
        corpus=("text_files", {"train_files": ("text.txt",), **_SHARES}),
        model=("lstm_lm", {"hidden_dim": 12, "num_layers": 1, "dropout": 0.2}),
        calls={
            "score": {"text": ["the cat sees a rose", "a sea"]},
            "token_logprobs": {"text": ["the dog is the sea", "a"]},
            "next_token": {"text": ["the cat", "a"], "k": 2},
            "generate": {"prompt": ["the cat", "a"], "max_new_tokens": 5, "seed": 1},
            "embed": {"text": ["the cat sees a rose", "a sea"]},
        },
        evaluation={"context": "windows"},
        wrong_model="encoder_decoder",
        wrong_corpus="synthetic_translation",
    ),
    "text_classification": Row(
        arguments={"dropout": 0.2, "label_smoothing": 0.1},
        files={
            "records.tsv": "".join(
                f"{label}\t{text}\n"
                for label, text in zip(_LABELS.split("\n"), _SOURCES.split("\n"))
            )
        },
        corpus=(
            "records",
            {"train_files": ("records.tsv",), "fields": ("label=1", "text=2"), **_SHARES},
        ),
        model=("gru_lm", {"hidden_dim": 12, "num_layers": 1, "dropout": 0.2}),
        calls={"classify": {"text": ["the cat sees a rose", "a sea"], "k": 2}},
        wrong_model="encoder_decoder",
        wrong_corpus="synthetic",
    ),
    "translation": Row(
        arguments={"sample_translations": 0, "label_smoothing": 0.1},
        files={"all.en": f"{_SOURCES}\n", "all.fr": f"{_TARGETS}\n"},
        corpus=(
            "text_pairs",
            {"train_files": ("all.en",), "train_target_files": ("all.fr",), **_SHARES},
        ),
        tokenizers={"source": {"name": "character"}},
        model=("encoder_decoder", {"hidden_dim": 8, "num_layers": 1, "num_heads": 2, **_LENGTHS}),
        calls={
            "translate": {"text": ["the cat sees a rose", "a sea"], "num_beams": 2},
            "score": {"text": ["le chat voit", "un"], "source": ["the cat sees", "a"]},
            "token_logprobs": {"text": ["le chat", "un"], "source": ["the cat", "a"]},
            "embed": {"text": ["the cat sees a rose", "a sea"]},
        },
        wrong_model="lstm_lm",
        wrong_corpus="synthetic",
    ),
}
