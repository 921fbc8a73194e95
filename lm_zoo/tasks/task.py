"""What a run is trained to do: the one seam between the general code and a task's own."""

import typing

from lm_zoo.tasks import resolve


class Sums(typing.NamedTuple):
    """What the rows of a batch add to the objective and to the curves: sums, never quotients.

    Attributes:
        objective: What training minimises, float32 `(rows,)`.
        weight: What the objective is divided by, once, after every reduction; float32 `(rows,)`.
        figures: Name -> float32 `(rows,)`; the names are `Task.figures`.
    """

    objective: typing.Any
    weight: typing.Any
    figures: dict


class Observations(typing.NamedTuple):
    """Results logged at each validation besides the report's figures.

    Attributes:
        scalars: Tag -> number, for the validation curves; `training.best_by` may name one.
        texts: Tag -> generated text.
        tables: Tag -> Markdown.
        images: Tag -> PNG file, bytes.
    """

    scalars: typing.Mapping = {}
    texts: typing.Mapping = {}
    tables: typing.Mapping = {}
    images: typing.Mapping = {}


class Report(typing.Protocol):
    """What evaluation found on a split.

    Attributes:
        figures: Tag -> float, for the curves; `loss` is among them.
        identity: Name -> value of everything that has to agree before two figures are compared.
    """

    figures: dict
    identity: dict

    def table_rows(self):
        """Returns `(name, value)` strings, to print."""

    def summary(self):
        """Returns one line: `loss 3.98 nats/token, perplexity 53.4`."""

    def to_dict(self):
        """Returns everything as JSON-ready values."""


class Task:
    """What a run is trained to do.

    Training, the run, export, serving, inspection and the command line know this class alone; it
    knows none of them. It has no state: it may be made anew from its arguments at any time. It names
    parts and is no loop: it has no training step, no optimizer, no reduction and no files. What it
    returns are sums per row; whatever divides, clips, reduces or distributes stays in training.

    Args:
        config: An `ExperimentConfig`.
        preprocessors: Field name -> `Tokenizer`.

    Attributes:
        name: As in `TASKS`.
        fields: The `Field`s of a record, in their order.
        figures: Names of the sums that curves are made of. One named `tokens` counts the tokens
            that a step has read, for the speed.
        monitors: Figure -> `min` or `max`: what `training.best_by` may name, and what is better.
        Arguments: Dataclass of what `config.task` may say besides the name.
        rows_are_independent: Whether the sums of a row hang on that row alone. False refuses
            gradient accumulation.
        predictions: Name -> `Prediction`.
        run_class: `module:Class` of what `lm_zoo.load` returns, a `Run`.
        functions_class: `module:Class` of the functions that a SavedModel is made of: what the
            `Prediction`s name. It is made of what `exported` is given, and the preprocessors.
        parity_class: `module:Class` of what an export is asked and held to, a
            `lm_zoo.export.parity.Parity`.
    """

    name = ""
    fields = ()
    figures = ()
    monitors = {"loss": min}
    Arguments = None
    rows_are_independent = True
    predictions = {}
    run_class = "lm_zoo.run:Run"
    functions_class = ""
    parity_class = "lm_zoo.export.parity:Parity"

    def __init__(self, config, preprocessors):
        self.config = config
        self.preprocessors = preprocessors

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
        """Returns the model that is trained: the registered one, or a head on it."""
        return model

    def check(self, model):
        """Raises a `UserError` where model and config do not fit, before any text is tokenized."""

    def batches(self, split, model, training=True):
        """Returns the `Batches` of a split.

        Args:
            split: An `ExampleSplit`.
            model: The model that reads them.
            training: Whether they are trained on; else each example comes once.
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

    def curves(self, totals, split):
        """Returns tag -> number for the training curves.

        Args:
            totals: Name -> float: `objective`, `weight` and `figures`, over all rows.
            split: The `ExampleSplit` that is trained on.
        """
        return {"loss": totals["objective"] / totals["weight"]}

    def evaluator(self, model, distribution=None, **options):
        """Returns an object whose `evaluate(split, on_progress=None)` gives a `Report`."""
        raise NotImplementedError

    def observer(self, model, validation, distribution):
        """Returns a function without arguments that gives `Observations`, or None.

        Args:
            model: The model.
            validation: The validation split's records as text, an iterable of tuples of `fields`.
            distribution: The `Distribution`; every process calls the function.
        """
        return None

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
            traced: A `lm_zoo.export.traced_model.TracedModel`.
            in_graph: Field name -> the preprocessor as a module of TensorFlow.
            limits: What `length_limits` gave.
        """
        return resolve(self.functions_class)(traced, self.preprocessors, in_graph, limits)
