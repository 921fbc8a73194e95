"""What an export is asked, and what it is held to: the same inputs, answered by Python."""

import dataclasses
import functools

import tensorflow as tf

from lm_zoo.export.verification.comparison import compare_outputs
from lm_zoo.export.verification.sample_records import example_record, sample_records
from lm_zoo.export.verification.tensor_json import array, tensor
from lm_zoo.registration import resolve


@dataclasses.dataclass
class Choices:
    """How many texts were chosen alike where rounding may decide between two.

    Attributes:
        what: What they are: `greedy texts`.
        total: How many there were.
        equal: How many were equal, token for token.
        tied: How many differed where neither was the likelier, within the tolerance.
    """

    what: str
    total: int = 0
    equal: int = 0
    tied: int = 0

    def __str__(self):
        tied = f" ({self.tied} up to a tie)" if self.tied else ""
        return f"{self.equal} of {self.total} {self.what} identical, token by token{tied}"


@dataclasses.dataclass
class ParityReport:
    """How far a SavedModel's results were from the Python model's.

    Attributes:
        texts: Texts that were read.
        largest_difference: For each prediction, as `compare_outputs` says.
        choices: `Choices` of the predictions that choose texts.
    """

    texts: int
    largest_difference: dict[str, float] = dataclasses.field(default_factory=dict)
    choices: dict[str, Choices] = dataclasses.field(default_factory=dict)

    def lines(self):
        """Returns lines of text that say what was found."""
        plain = [name for name in self.largest_difference if name not in self.choices]
        if plain:
            listed = ", ".join(f"{name} {self.largest_difference[name]:.1e}" for name in plain)
            yield f"Verified by a process without lm_zoo, on {self.texts} texts: {listed}"
        for name, choices in self.choices.items():
            yield f"Also verified: {choices}; {name} {self.largest_difference[name]:.1e}"


class Parity:
    """The calls of an export's predictions, and the check of what comes back.

    A task whose predictions choose among texts, or are called in other ways too, has a class of its
    own that says so (`Task.parity_class`).

    Args:
        run: A `Run` whose model is the one that was exported, in float32 on the CPU.
        task: The run's `Task`.
        names: The predictions that are exported.
        limits: What `Task.length_limits` gave.
        special_tokens: What special tokens written out in texts are to the export.
    """

    def __init__(self, run, task, names, limits, special_tokens):
        self.run = run
        self.task = task
        self.names = names
        self.limits = limits
        self.special_tokens = special_tokens

    @property
    def needs(self):
        """The package that has to be imported before the SavedModel is loaded, or ""."""
        return max((each.saved_model_needs for each in self.task.preprocessors.values()))

    @functools.cached_property
    def records(self):
        """Field name -> texts, those of a record at the same place."""
        return sample_records(self.run, self.task, self.limits)

    def texts(self, name):
        """Returns field name -> texts that a prediction is called with."""
        return self.records

    def example(self, name):
        """Returns the inputs of one small call: shown on the model card, and made to warm up."""
        prediction = self.task.predictions[name]
        record = example_record(self.texts(name))
        return self.inputs(name, {k: [text] for k, text in record.items()}, **prediction.example)

    def calls(self, name):
        """Returns `(function, inputs)` of each call that a prediction is verified by."""
        return [(name, self.inputs(name, self.texts(name)))]

    def check(self, name, calls, found, report):
        """Compares what the calls gave with Python, and notes the difference in the report.

        Args:
            name: Name of the prediction.
            calls: The calls that `calls` returned.
            found: Output name -> array, for each of them.
            report: The `ParityReport`.

        Raises:
            UserError: If one differs by more than the tolerance.
        """
        ((_, inputs),) = calls
        own, kinds = self.answer(name, inputs), self.task.predictions[name].kinds
        asked = next(iter(inputs.values()))
        report.largest_difference[name] = compare_outputs(name, asked, found[0], own, kinds)

    def inputs(self, name, texts, **settings):
        """Returns a prediction's inputs by name.

        Args:
            name: Name of the prediction.
            texts: Field name -> texts.
            **settings: Values in place of the defaults.
        """
        return {
            each.name: texts[each.field] if each.field else settings.get(each.name, each.default)
            for each in self.task.predictions[name].exported_inputs
        }

    def answer(self, name, inputs):
        """Returns what Python gives for a prediction's inputs, output name -> value."""
        prediction = self.task.predictions[name]
        others = {each.name: each.default for each in prediction.inputs if not each.exported}
        if "special_tokens" in others:
            others["special_tokens"] = self.special_tokens
        return resolve(prediction.answer)(self.run, **inputs, **others)

    def all_calls(self):
        """Returns all calls, `(function, inputs)` in the form that the process reads."""
        return [
            (function, self.as_tensors(function, inputs))
            for name in self.names
            for function, inputs in self.calls(name)
        ]

    def as_tensors(self, name, inputs):
        """Returns inputs in the form that the process reads."""
        prediction = self.task.predictions.get(name)
        dtypes = {each.name: each.dtype for each in prediction.inputs} if prediction else {}
        given = {key: "" if value == () else value for key, value in inputs.items()}
        return {key: tensor(value, dtypes.get(key)) for key, value in given.items()}

    def check_all(self, answers):
        """Compares the answers with what the Python model gives, on the CPU as the process did.

        Args:
            answers: The outputs of each of `all_calls`.

        Returns:
            A `ParityReport`.

        Raises:
            UserError: If one differs.
        """
        report = ParityReport(len(next(iter(self.texts(self.names[0]).values()))))
        answers = [{key: array(value) for key, value in each.items()} for each in answers]
        with tf.device("CPU"):
            for name in self.names:
                calls = self.calls(name)
                self.check(name, calls, answers[: len(calls)], report)
                answers = answers[len(calls) :]
        return report
