"""What a run is trained to do: the one seam between the general code and a task's own."""

import dataclasses
import typing

from lm_zoo.checked_fields import field
from lm_zoo.registration import resolve


class Sums(typing.NamedTuple):
    """What the rows of a batch add to the objective and to the curves: sums, never quotients.

    Attributes:
        objective: What training minimises, float32 `(rows,)`.
        weight: What the objective is divided by, once, after every reduction; float32 `(rows,)`.
        figures: Name -> float32 `(rows,)`; the names are `Task.figures`, and at evaluation
            `Task.counts` besides.
    """

    objective: typing.Any
    weight: typing.Any
    figures: dict


class ValidationSummaries(typing.NamedTuple):
    """Results logged at each validation besides the report's figures.

    Attributes:
        scalars: Tag -> number, for the validation curves; `training.best_by` may name one.
        texts: Tag -> generated text.
        tables: Tag -> Markdown.
        images: Tag -> PNG file, bytes.
        summary: What of it belongs in the line that is printed: `BLEU 31.20`; or "".
    """

    scalars: typing.Mapping = {}
    texts: typing.Mapping = {}
    tables: typing.Mapping = {}
    images: typing.Mapping = {}
    summary: str = ""


class Report(typing.Protocol):
    """What evaluation found on a split: a dataclass, with `corpus` and `step` among its fields.

    Attributes:
        figures: Tag -> float, for the curves; `loss` is among them.
        identity: Name -> value of everything that has to agree before two figures are compared.
    """

    figures: dict
    identity: dict

    def summary(self):
        """Returns one line: `loss 3.98 nats/token, perplexity 53.4`."""

    def table(self):
        """Returns everything as text, to print."""

    def to_dict(self):
        """Returns everything as JSON-ready values."""

    def results(self, name):
        """Returns file name -> JSON-ready values or text, to keep in the run's folder.

        Args:
            name: What was measured: a split.
        """


@dataclasses.dataclass
class NoArguments:
    """The arguments of a task that has none."""


@dataclasses.dataclass
class BatchSize:
    """What the evaluation of every task can be asked for.

    Attributes:
        batch_size: Examples at once.
    """

    batch_size: int | None = field(None, at_least=1, help="Examples per batch.")


class Task:
    """What a run is trained to do.

    Training, the run, export, serving, inspection and the command line know only this class; it
    knows none of them. It has no state: it can be recreated from its arguments at any time. It has
    named parts but no loop: no training step, no optimizer, no reduction and no files. It returns
    sums per row; training divides, clips, reduces and distributes them.

    Args:
        config: An `ExperimentConfig`.
        preprocessors: Field name -> `Tokenizer`.

    Attributes:
        name: Its name in `TASKS`.
        fields: The `Field`s of a record, in their order.
        figures: Names of the sums that curves are made of. One named `tokens` counts the tokens
            that a step has read, for the speed; without it, examples are counted (`unit`).
        counts: Names of further figures, float32 `(rows, n)` with one n for all, which are counted
            at evaluation alone.
        shown: Tags of `curves` that are shown beside the progress bar.
        monitors: Figure -> `min` or `max`: what `training.best_by` may name, and what is better.
        Arguments: Dataclass of what `config.task` may say besides the name.
        EvaluationOptions: Dataclass of what an evaluation can be asked for, `--help` included.
        arguments: Those of the config, an `Arguments`.
        rows_are_independent: Whether the sums of a row depend on that row alone. False refuses
            gradient accumulation.
        predictions: Name -> `Prediction`.
        run_class: `module:Class` of what `lm_zoo.load` returns, a `Run`.
        functions_class: `module:Class` of the functions that a SavedModel is made of: what the
            `Prediction`s name. It is made of what `exported` is given, and the preprocessors.
        parity_class: `module:Class` of what an export is asked and held to, a
            `lm_zoo.export.verification.parity.Parity`.
    """

    name = ""
    fields = ()
    figures = ()
    counts = ()
    shown = ("loss",)
    monitors = {"loss": min}
    Arguments = NoArguments
    EvaluationOptions = BatchSize
    rows_are_independent = True
    predictions = {}
    run_class = "lm_zoo.run:Run"
    functions_class = ""
    parity_class = "lm_zoo.export.verification.parity:Parity"

    def __init__(self, config, preprocessors):
        self.config = config
        self.preprocessors = preprocessors
        self.unit = "tokens" if "tokens" in self.figures else "examples"
        self.arguments = self.Arguments(**config.task.arguments)

    @classmethod
    def check_model_class(cls, name, model_class):
        """Raises a `UserError` unless the task can use models of a class.

        Args:
            name: The model's name, as in `config.model.name`.
            model_class: Its class.
        """

    def model_arguments(self):
        """Returns the constructor arguments that follow from the data: `vocab_size`, ..."""
        raise NotImplementedError

    def with_head(self, model):
        """Returns the model that is trained: the one that the config names, or a head on it."""
        return model

    def check(self, model):
        """Raises a `UserError` where model and config do not fit, before any text is tokenized."""

    def batches(self, split, model, training=True, batch_size=None):
        """Returns the `Batches` of a split.

        Args:
            split: An `ExampleSplit`.
            model: The model that reads them.
            training: Whether they are trained on; else an epoch of them is measured.
            batch_size: Rows at once; None is the config's.
        """
        raise NotImplementedError

    def initial_state(self, model, num_rows):
        """Returns the state before the first step, where batches carry it from step to step."""
        return model.initial_state(num_rows)

    def sums(self, model, features, state, training):
        """Computes what rows add to the objective and the curves.

        Args:
            model: The model.
            features: Name -> tensor with the rows first: those of a `Batch`.
            state: From `initial_state` or the step before; `()` where nothing is carried.
            training: Whether dropout is on.

        Returns:
            `(Sums, state)`.
        """
        raise NotImplementedError

    def curves(self, totals, batches):
        """Returns tag -> number for the training curves.

        Args:
            totals: Name -> float: `objective`, `weight` and `figures`, over all rows.
            batches: The training `Batches`.
        """
        return {"loss": totals["objective"] / totals["weight"]}

    def num_measured(self, split):
        """Returns how much of a split can be evaluated; of 0 there is no validation."""
        return split.num_examples

    def evaluate(self, model, split, distribution=None, on_progress=None, batch_size=None):
        """Measures a model on a split; tasks may take more keywords.

        Args:
            model: The model.
            split: An `ExampleSplit`.
            distribution: The `Distribution`; None is the device that TensorFlow chooses. Every
                process has to evaluate.
            on_progress: Called as `on_progress(done, of how many)` after each call of the model.
            batch_size: Examples at once; None is the config's.

        Returns:
            A `Report`.
        """
        from lm_zoo.evaluation.task_sums import total_sums

        batches = self.batches(split, model, training=False, batch_size=batch_size)
        totals = total_sums(self, model, batches, distribution, on_progress)
        return self.report(model, split, batches, totals)

    def report(self, model, split, batches, totals):
        """Returns the `Report` of sums over all batches of a split.

        Args:
            model: The model.
            split: The `ExampleSplit`.
            batches: Its `Batches`, of which one epoch was measured.
            totals: Name -> its sum over all rows: `objective`, `weight`, and the names in `figures`
                and `counts`.
        """
        from lm_zoo.evaluation.figures_report import FiguresReport

        figures, dropped = self.curves(totals, batches), getattr(batches, "num_dropped", 0)
        return FiguresReport.of(self, model, split, figures, dropped)

    @classmethod
    def evaluate_given(cls, config, folder, split, options):
        """Returns the `Report` of what needs no model, since its output is given; else None.

        Args:
            config: The run's `ExperimentConfig`.
            folder: Its `RunFolder`.
            split: Name of the split.
            options: An `EvaluationOptions`.
        """
        return None

    def listener(self, model, examples, corpus, distribution):
        """Returns a function without arguments that gives `ValidationSummaries`, or None.

        Args:
            model: The model.
            examples: The `Examples`.
            corpus: The cleaned `Corpus`.
            distribution: The `Distribution`; every process calls the function.
        """
        return None

    def sections(self, examples, split):
        """Returns further `lm_zoo.tasks.section.Section`s of `lm-zoo inspect`.

        Args:
            examples: The `Examples`.
            split: Name of the split that is looked at.
        """
        return ()

    def length_limits(self, model, max_length=0):
        """Returns the most tokens of a text, field name -> number or None, of an export.

        Args:
            model: The run's model.
            max_length: What was asked for; 0 is the most that the model can.
        """
        texts = [field.name for field in self.fields if field.kind == "text"]
        return dict.fromkeys(texts, max_length or model.context_length)

    def exported(self, traced, in_graph, limits):
        """Returns the object whose methods `predictions` name, to be traced into a SavedModel.

        Args:
            traced: A `lm_zoo.export.in_graph.traced_model.TracedModel`.
            in_graph: Field name -> the preprocessor as a module of TensorFlow.
            limits: What `length_limits` gave.
        """
        return resolve(self.functions_class)(traced, self.preprocessors, in_graph, limits)
