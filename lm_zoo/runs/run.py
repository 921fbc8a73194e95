"""A trained run as a Python object: `lm_zoo.load(workdir)`."""

import dataclasses
from typing import TYPE_CHECKING, Any

from lm_zoo.checkpoints.choice import find_checkpoint
from lm_zoo.config import IMPORTED
from lm_zoo.config.config_files import given_config
from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.examples import prepared_examples
from lm_zoo.data.held_out import HELD_OUT
from lm_zoo.data.preparation import prepared_corpus
from lm_zoo.distribution.strategies import default_distribution
from lm_zoo.errors import UserError, unknown_name
from lm_zoo.evaluation.training_cost import training_cost
from lm_zoo.experiment import Experiment, build_task_model
from lm_zoo.model_tensors import assign_tensors, model_tensors
from lm_zoo.progress import current_stages, stage
from lm_zoo.registration import resolve
from lm_zoo.runs.run_folder import RunFolder
from lm_zoo.runs.run_writing import write_run
from lm_zoo.tasks import task_class
from lm_zoo.tasks.prediction import prediction_of
from lm_zoo.types import Path, Texts

if TYPE_CHECKING:
    from lm_zoo.config import ExperimentConfig
    from lm_zoo.distribution.strategies import Distribution
    from lm_zoo.training.trainer import TrainingResult


def train(
    config: "ExperimentConfig | Path",
    workdir: Path,
    profile_steps: tuple[int, int] | None = None,
    **changes: Any,
) -> "TrainingResult":
    """Trains a config into a folder, or goes on with the run that is there.

        lm_zoo.train("quickstart_lstm", "runs/mine", seed=3, training={"steps": 100})

    Args:
        config: An `ExperimentConfig`; or the name of a shipped config, or the path of a Python file
            with a `get_config()` or of a run's config.json.
        workdir: The run's folder; new, empty, or one of the same config.
        profile_steps: `(first, last)`: steps to record with TensorFlow's profiler, or None.
        **changes: Config fields with other values; for a section, a dict of its fields.

    Returns:
        A `TrainingResult`.

    Raises:
        UserError: For any mistake in the config, the text or the folder, before the first step.
    """
    return Experiment(given_config(config, changes), workdir).train(profile_steps)


def load(
    workdir: Path, checkpoint: str | int = "best", distribution: "Distribution | None" = None
) -> "Run":
    """Loads a run that `train` wrote.

    Args:
        workdir: The run's folder.
        checkpoint: `"best"` (by validation), `"latest"`, a step number, or `"average:N"`, the mean
            of the N latest.
        distribution: The `Distribution` that the run is evaluated and generates on
            (`lm_zoo.distribution.strategies.make_distribution`); None is the device that TensorFlow
            chooses.

    Returns:
        The task's kind of `Run`. If the run keeps a moving average of its parameters, the model has
        the averages.

    Raises:
        UserError: If the folder, its tokenizers or the checkpoint cannot be read.
    """
    distribution = distribution or default_distribution()
    folder = RunFolder(workdir).require()
    config = folder.config()
    kind = task_class(config.task.name)
    with stage(f"Loading {workdir}", distribution.is_chief):
        found = find_checkpoint(folder.checkpoints, checkpoint)
        _check_all_found(found.step, distribution)
        task = kind(config, folder.preprocessors(kind.fields))
        tensors = dict(found.tensors)
        for name in found.tensors:
            if name.startswith("ema/"):
                tensors["model/" + name.removeprefix("ema/")] = found.tensors[name]
        with distribution.strategy.scope():
            model = build_task_model(task)
            assign_tensors(model_tensors(model), tensors)
    run = resolve(task.run_class)(folder, task, model, found.step, distribution)
    run.clock = found.metadata.get("clock")
    return run


class Run:
    """A trained model with its task, tokenizers and config.

    Args:
        folder: The `RunFolder`.
        task: The `Task`.
        model: The model, a `keras.Model`.
        step: Updates that the loaded checkpoint had seen.
        distribution: The `Distribution` that it evaluates and generates on; None is the device that
            TensorFlow chooses.

    Attributes:
        config: The `ExperimentConfig` that it was trained with.
        preprocessors: Field name -> tokenizer.
        training: What the training behind the checkpoint took: a dict with `seen`, `unit` (`tokens`
            or `examples`) and `seconds`; empty where it is not known.
    """

    def __init__(
        self,
        folder: Any,
        task: Any,
        model: Any,
        step: int | None,
        distribution: "Distribution | None" = None,
    ) -> None:
        self.clock = None  # what the checkpoint has of the training clock
        self.folder = folder
        self.task = task
        self.config = task.config
        self.preprocessors = task.preprocessors
        self.model = model
        self.step = step
        self.distribution = distribution or default_distribution()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # what the kinds of runs add

    def __repr__(self):
        where = self.folder.path if self.folder else "no folder"
        return (
            f"<{type(self).__name__} {where}: {self.config.model.name}, "
            f"{self.model.num_parameters:,} parameters, step {self.step:,}>"
        )

    @property
    def training(self) -> Any:
        return training_cost(self.clock, self.task.unit)

    def predict(self, prediction: Any, *texts: Texts, **inputs: Any) -> Any:
        """Asks the model for one of the task's predictions.

        Args:
            prediction: Its name, one of `task.predictions`.
            *texts: A list of strings for each of its text inputs, in their order.
            **inputs: Its other inputs by name.

        Returns:
            Output name -> value.

        Raises:
            UserError: For a prediction or an input that the task does not have, or a value beyond
                its bounds.
        """
        declared = prediction_of(self.task.name, self.task.predictions, prediction)
        return resolve(declared.answer)(self, **declared.checked(texts, inputs))

    def evaluate(self, split: str = "test", **options: Any) -> Any:
        """Measures the model on a split of the run's corpus.

        Args:
            split: `train`, `validation` or `test`.
            **options: As the task's `evaluate` takes: `batch_size=16`, ...

        Returns:
            The task's `Report`.
        """
        report = self._evaluated(self.examples(split), **options)
        return self._with_origin(report, self.folder.data_record()["corpus"])

    def _evaluated(self, examples, **options):
        """Returns the `Report` of an `ExampleSplit`; a command shows how far it is."""
        with stage(f"Evaluating {examples.name}", self.distribution.is_chief) as update:
            return self.task.evaluate(
                self.model, examples, self.distribution, on_progress=update, **options
            )

    def report(self, split: str, options: Any) -> Any:
        """Evaluates what `lm-zoo evaluate` was asked for.

        Args:
            split: Name of the split, or of what the options give in its place.
            options: The task's `EvaluationOptions`.

        Returns:
            A `Report`.
        """
        return self.evaluate(split, **dataclasses.asdict(options))

    def _with_origin(self, report, corpus):
        """Says in a report of which corpus and checkpoint it is."""
        return dataclasses.replace(report, corpus=corpus, step=self.step, training=self.training)

    def save(self, workdir: Path) -> "Run":
        """Keeps the model as it is now in a folder of its own, which `lm_zoo.load` reads.

        Tokenizers, config and held-out texts go with it; the state of an optimizer does not, so
        that training cannot go on there.

        Args:
            workdir: The folder; new or empty.

        Returns:
            The `Run` in that folder.

        Raises:
            UserError: If the folder is used or cannot be written.
        """
        folder = RunFolder(workdir)
        record = self.folder.data_record() | {"saved": {"from": str(self.folder.path)}}
        metadata = {"clock": self.clock} if self.clock else {}
        write_run(folder, self.task, self.model, self.step, record, metadata, self.folder)
        saved = type(self)(folder, self.task, self.model, self.step, self.distribution)
        saved.clock = self.clock
        return saved

    def export(self, output: Path, format: str = "saved_model", **options: Any) -> Any:
        """Writes the model for other programs; see `lm_zoo.export.export.export`.

        Returns:
            `(path, report)`: the folder, and lines of text that say what was verified.
        """
        from lm_zoo.export.export import export  # it imports what only exporting needs

        return export(self, output, format, **options)

    def examples(self, split: str) -> Any:
        """Returns the `ExampleSplit`: held out in the run's folder, training from the corpus."""
        self._check_split(split, SPLITS)
        if split != "train":
            return self.folder.held_out_examples(self.preprocessors, split)
        with self.distribution.chief_first():
            with current_stages() as listener:
                corpus = prepared_corpus(self.config, self.task.fields, listener)
                examples = prepared_examples(self.config, corpus, self.preprocessors, listener)
        self.folder.check_examples(examples, ("train",))
        return examples.split("train")

    def records(self, split: str) -> Any:
        """Returns a split's records as text, a list of tuples of the task's fields.

        Args:
            split: `validation` or `test`.
        """
        self._check_split(split, HELD_OUT)
        return self.folder.held_out_texts(self.task.fields, split)

    def _check_split(self, split, splits):
        if split not in splits:
            raise unknown_name("split", split, splits)
        if self.config.corpus.name == IMPORTED:
            raise UserError(
                f"split: the weights in {self.folder.path} were imported without a {split} text; "
                "`lm-zoo evaluate --input=FILE` evaluates your own text."
            )


def _check_all_found(step, distribution):
    """Sees that all processes read the same checkpoint."""
    if distribution.sum(step) != step * distribution.num_workers:
        raise UserError(
            f"checkpoint: this process found step {step}, others a different one; give a "
            "--workdir that all processes share and that no process trains in, or a step number."
        )
