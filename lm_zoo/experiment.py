"""Wires a config into task, data, model and trainer; the `train` binary only calls it."""

from lm_zoo import config as config_lib
from lm_zoo import registration
from lm_zoo.checked_fields import require
from lm_zoo.config import config_checks
from lm_zoo.data.batching import audit_proof
from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.examples import data_record, prepared_examples, prepared_preprocessors
from lm_zoo.data.preparation import prepared_corpus
from lm_zoo.data.split_shares import split_notes
from lm_zoo.distribution.strategies import default_distribution
from lm_zoo.errors import UserError
from lm_zoo.registry import build_model, registered_model
from lm_zoo.run_folder import RunFolder
from lm_zoo.tasks import task_class
from lm_zoo.training import parameter_server
from lm_zoo.training.trainer import Trainer, total_steps


class Experiment:
    """A config made real: task, corpus, tokenizers, token files and model.

    Everything is built and checked in the constructor and nothing is written to the workdir, so
    mistakes are found before a run exists.

    Args:
        config: An `ExperimentConfig`.
        workdir: The run's folder.
        listener: A `lm_zoo.data.preparation.ProgressListener` of cleaning and tokenizing, or None.
        distribution: The `Distribution` to train on; None is the device that TensorFlow chooses.

    Attributes:
        config: The validated `ExperimentConfig`.
        folder: The `RunFolder`.
        corpus: The cleaned `Corpus`.
        preprocessors: Field name -> tokenizer: the run's own if the run exists.
        task: The `Task`.
        examples: The `Examples`.
        model: The built, freshly initialised model.
        batches: The training `Batches`.
    """

    def __init__(self, config, workdir, listener=None, distribution=None):
        self.config = config = config_checks.resolve(config)
        self.folder = RunFolder(workdir)
        self.distribution = distribution or default_distribution()
        check_model(config)
        with self.distribution.chief_first():
            self._begin(listener)
        self.preprocessors = self.task.preprocessors
        # The model comes before the long work on the text, so that mistakes in it are found early.
        with self.distribution.strategy.scope():
            self.model = build_task_model(self.task)
        with self.distribution.chief_first():
            self._prepare_examples(listener)
        self.batches = self.task.batches(self.examples.split("train"), self.model)
        self.distribution.row_layout(config.data.batch_size)  # enough rows for all
        if self.distribution.name == "parameter_server":
            parameter_server.check(config, self.batches)

    def _begin(self, listener):
        """Finds text and tokenizers: the run's own, if one was begun."""
        self.folder.check_for(self.config, writes=self.distribution.is_chief)
        begun = self.folder if self.folder.begun() else None
        self.corpus, self.task = prepared_task(self.config, begun, listener)

    def _prepare_examples(self, listener):
        self.examples = prepared_examples(self.config, self.corpus, self.preprocessors, listener)
        self.data_record = data_record(self.corpus, self.preprocessors, self.examples)
        if registered := registration.of_config(self.config):
            self.data_record["registered"] = registered
        if self.folder.begun():
            self.folder.check_examples(self.examples)

    def describe(self):
        """Returns what is to be trained on what, as lines of text."""
        steps = total_steps(self.config.training, self.batches)
        lines = [
            f"Text: {self.data_record['corpus']} ({self.data_record['source']})",
            *describe_examples(self.preprocessors, self.examples),
            *split_notes(self.corpus, self.examples),
            f"Batches: {self.batches.describe()}; {steps:,} steps, "
            f"{self.batches.steps_per_epoch:,.4g} an epoch",
            f"Devices: {self.distribution.describe()}",
            f"Model: {self.config.model.name}",
            self.model.summary_table(round(self.batches.mean_length)),
        ]
        return "\n".join(lines)

    def train(self, profile_steps=None, audit_data=False):
        """Begins the run or goes on with it; returns a `TrainingResult`."""
        if not self.distribution.is_chief:
            return self._trainer(profile_steps, audit_data).train()
        with self.folder.locked():
            if not self.folder.begun():
                self.begin_run()
            elif not self.folder.exists():  # its config was lost, and was given again
                self.folder.write_config(self.config)
            return self._trainer(profile_steps, audit_data).train()

    def begin_run(self):
        """Writes what the run is into its folder."""
        self.folder.begin(self.task, self.examples, self.corpus, self.data_record)

    def verify_audit(self, steps):
        """Returns a line that says that `steps` steps used all data; see `audit_proof`."""
        return audit_proof.verify(self.folder.audit, self.batches, steps)

    def _trainer(self, profile_steps, audit_data):
        return Trainer(
            self.task,
            self.model,
            self.config,
            self.batches,
            self.folder,
            config_checks.changed_from_defaults(self.config),
            validate=self._validation(),
            observe=self.task.listener(self.model, self.examples, self.corpus, self.distribution),
            profile_steps=profile_steps,
            distribution=self.distribution,
            audit_data=audit_data,
        )

    def _validation(self):
        split, distribution = self.examples.split("validation"), self.distribution.for_evaluation
        if self.task.num_measured(split) < 1:
            return None
        return lambda: self.task.evaluate(self.model, split, distribution)


def check_model(config):
    """Raises a `UserError` for a model that its constructor or the task refuses, without any text.

    Args:
        config: A resolved `ExperimentConfig`.
    """
    cls = registered_model(config.model.name)
    task_class(config.task.name).check_model_class(config.model.name, cls)
    given = cls.SIZES.get(config.model.size, {}) | config.model.arguments
    stand_ins = {name: 8 for name in cls.constructor_parameters() if name.endswith("vocab_size")}
    try:
        cls(name=config.model.name, **given | stand_ins)
    except UserError as error:
        if str(error).partition(":")[0] in given:
            raise UserError(f"config.model.{error}") from None
        raise


def prepared_task(config, folder=None, listener=None):
    """Returns the cleaned `Corpus` of a config, and its `Task`.

    Args:
        config: A resolved `ExperimentConfig`.
        folder: The `RunFolder` whose preprocessors the task gets; None makes them of the corpus.
        listener: A `lm_zoo.data.preparation.ProgressListener`, or None.
    """
    kind = task_class(config.task.name)
    if not kind.rows_are_independent:
        expected = f"1, since the rows of a batch of the task {config.task.name} need each other"
        parts = config.runtime.micro_batches
        require(parts == 1, "config.runtime.micro_batches", expected, parts)
    corpus = prepared_corpus(config, kind.fields, listener)
    if folder:
        preprocessors = folder.preprocessors(kind.fields)
    else:
        preprocessors = prepared_preprocessors(config, corpus, kind.fields, listener)
    return corpus, kind(config, preprocessors)


def build_task_model(task):
    """Builds the model that a task's config names, for the vocabularies of its tokenizers.

    Args:
        task: A `Task`.

    Raises:
        UserError: If the task cannot use the model, or the model does not fit the config.
    """
    config, follows = task.config, task.model_arguments()
    task.check_model_class(config.model.name, registered_model(config.model.name))
    config_checks.check_follows(config.model, follows.keys() - {"share_embeddings"})
    model = build_model(
        config.model.name,
        config.model.size,
        dtype=config_lib.PRECISIONS[config.training.precision],
        seed=config.seed,
        **{**config.model.arguments, **follows},
    )
    model = task.with_head(model)
    task.check(model)
    return model


def describe_examples(preprocessors, examples):
    """Returns a line about the token files of each field."""
    several = len(examples.fields) > 1
    lines = []
    if several:
        counts = _counts(lambda name: examples.split(name).num_examples)
        lines = [f"Examples: {counts}"]
    for field, tokens in examples.fields.items():
        tokenizer = preprocessors[field]
        what = f"{field.capitalize()} tokens" if several else "Tokens"
        counts = _counts(lambda name: tokens.split(name).num_tokens)
        lines.append(f"{what} ({tokenizer.name}, vocabulary {tokenizer.vocab_size:,}): {counts}")
    return lines


def _counts(count_of):
    """Returns how many there are in each split, in words where it is empty."""
    counts = {name: count_of(name) for name in SPLITS}
    return ", ".join(f"{name} {n:,}" if n else f"{name} none (empty)" for name, n in counts.items())
