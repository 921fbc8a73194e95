"""What a trained run can be asked for, declared once for every way to ask.

Python, command-line flags, SavedModel signatures, the model card and the server are made from these
declarations. This module imports the standard library alone: help answers without TensorFlow.
"""

import dataclasses
import typing

from lm_zoo.checked_fields import (
    Facts,
    facts_of,
    field_types,
    options_of,
    require,
    type_beside_none,
)
from lm_zoo.errors import UserError, unknown_name
from lm_zoo.limits import BATCH_SIZE

ONLY_IN_PYTHON = {"each": "call", "exported": False}  # what `inputs_of` is told of an input
DTYPES = {bool: "bool", int: "int32", float: "float32", str: "string"}
_KINDS = {dtype: kind for kind, dtype in DTYPES.items()}


@dataclasses.dataclass(frozen=True)
class Input(Facts):
    """One input of a prediction: besides its `Facts`,

    Attributes:
        name: As a keyword, a flag, and in a request.
        dtype: `string`, `int32`, `float32` or `bool`.
        default: The value where none is given; None where it must be given.
        each: `row` (a value for each text), `call` (one for all texts of a call: requests share
            a call of the model only where they agree), or `list` (any number of values for each
            text, or one list for all).
        field: The field of the task that it is a text of; "" for everything that is no text.
        ends: Of a text: whether an end token after it is one of its tokens.
        windowed: Of a text: whether it may be longer than the model reads whole.
        bounds_length: Whether it says how many tokens a text may get; the server limits it.
        automatic: `(times, more)`, where 0 stands for so many times the tokens of the row's texts,
            and so many more; () where it does not.
        exported: Whether a SavedModel has it; else Python and the command line alone.
    """

    name: str
    dtype: str
    default: object = None
    each: str = "row"
    field: str = ""
    ends: bool = False
    windowed: bool = False
    bounds_length: bool = False
    automatic: tuple = ()
    exported: bool = True

    @property
    def is_required(self):
        """Whether it has no default."""
        return self.default is None

    @property
    def is_list(self):
        """Whether several strings may be given."""
        return bool(self.field) or self.each == "list"

    @property
    def kind(self):
        """The type of a value in Python; of a list, that of what is in it."""
        return _KINDS[self.dtype]

    @property
    def expected(self):
        """What a value has to be, in words: `a finite number of at least 0 (0: greedy)`."""
        return self.words(self.kind)

    def checked_value(self, value):
        """Returns a value as Python has it; a string where several may be is a list of one.

        Raises:
            UserError: If it is none that the input can have.
        """
        if self.is_list:
            values = [value] if isinstance(value, str) else list(value)
            require(all(isinstance(v, str) for v in values), self.name, "strings", value)
            return values
        return self.checked(self.kind, value, self.name)


@dataclasses.dataclass(frozen=True)
class Prediction:
    """Something that a trained run can be asked for, by its name.

    Attributes:
        inputs: `Input`s, the texts first.
        outputs: Name -> how an export is compared with Python: `equal`, `log_prob`, `perplexity`
            (its logarithm is compared), or `vector`. With `:NAME` after it, it has no row form: all
            rows' values follow one another, of each row as many as the output NAME says.
        answer: `module:function` of `(run, **inputs) -> outputs`, in Python.
        function: The method of the object that `Task.exported` returns.
        batching: `rows` (requests wait for each other and share a call) or `engine` (texts join
            and leave a running batch).
        auxiliary: Functions that go into the SavedModel with it and are no signatures: what servers,
            converters to other forms and the verification of the export build on.
        options: The dataclass of options that its inputs are fields of, and whose `validate` says
            which of their values fit together; None for inputs that do not depend on each other.
        tells_equal_texts_apart: Whether equal texts of one call get answers of their own; those of
            several calls do not.
        example: Input name -> value of a small call, where the defaults would not do.
        help: One line.
    """

    inputs: tuple
    outputs: dict
    answer: str = ""
    function: str = ""
    batching: str = "rows"
    auxiliary: tuple = ()
    options: type | None = None
    tells_equal_texts_apart: bool = False
    example: dict = dataclasses.field(default_factory=dict)
    help: str = ""

    def checked(self, texts, values):
        """Returns input name -> value, in Python: texts as lists of strings, one value of others.

        Args:
            texts: A list of strings for each text input, in their order; a string is a list of one.
            values: Input name -> value; what is missing has its default.

        Raises:
            UserError: For an unknown or missing input, and for a value that it cannot have.
        """
        names = [each.name for each in self.texts]
        if len(texts) > len(names):
            raise UserError(
                f"texts: expected {len(names)} ({', '.join(names)}), received {len(texts)}."
            )
        given = dict(zip(names, texts)) | values
        known = {each.name: each for each in self.inputs}
        for name in given:
            if name not in known:
                raise unknown_name("inputs", name, known)
        for name, each in known.items():
            if name not in given and each.is_required:
                raise UserError(f"{name}: it is needed, and was not given ({each.help}).")
        checked = {
            name: each.checked_value(given.get(name, each.default)) for name, each in known.items()
        }
        if self.options:
            rest = {name: value for name, value in checked.items() if name not in names}
            options_of(self.options, "inputs", rest).validate()
        for name in names[1:]:
            if len(checked[name]) != len(checked[names[0]]):
                raise UserError(
                    f"{name}: expected one for each {names[0]}, of which there are "
                    f"{len(checked[names[0]])}, received {len(checked[name])}."
                )
        return checked

    def rows(self, outputs, count):
        """Returns the outputs of each text, a list of dictionaries of plain values.

        Args:
            outputs: What `answer` gave.
            count: The number of texts. Where an output has several values for each (several
                continuations), they are lists.
        """
        parts = {name: _plain(values) for name, values in outputs.items()}
        for name, lengths in self.row_lengths.items():
            values = iter(parts[name])
            parts[name] = [[next(values) for _ in range(length)] for length in parts[lengths]]
        for name, values in parts.items():
            several = len(values) // max(count, 1)
            if several > 1:
                values = [values[i * several : (i + 1) * several] for i in range(count)]
            parts[name] = values
        return [{name: values[row] for name, values in parts.items()} for row in range(count)]

    @property
    def texts(self):
        """The `Input`s that are texts, in their order."""
        return tuple(each for each in self.inputs if each.field)

    @property
    def exported_inputs(self):
        """The `Input`s of the SavedModel's signature."""
        return tuple(each for each in self.inputs if each.exported)

    @property
    def kinds(self):
        """Output name -> how it is compared."""
        return {name: kind.partition(":")[0] for name, kind in self.outputs.items()}

    @property
    def row_lengths(self):
        """Name of an output without row form -> the output that has the number of each row."""
        parts = {name: kind.partition(":")[2] for name, kind in self.outputs.items()}
        return {name: lengths for name, lengths in parts.items() if lengths}

    def to_dict(self):
        """Returns what a model card says of it, JSON-ready: all that who calls an export needs."""
        inputs = [dataclasses.asdict(each) for each in self.exported_inputs]
        for values in inputs:
            del values["exported"]
            values["choices"] = list(values["choices"])
        named = {name: getattr(self, name) for name in ("outputs", "batching", "auxiliary", "help")}
        return {"inputs": inputs, **named}

    @classmethod
    def from_dict(cls, values):
        """Returns the `Prediction` of a model card, without what only Python knows.

        Args:
            values: What `CARD` describes.
        """
        known = {field.name for field in dataclasses.fields(Input)}
        inputs = [{k: v for k, v in each.items() if k in known} for each in values["inputs"]]
        inputs = tuple(Input(**each | {"choices": tuple(each["choices"])}) for each in inputs)
        named = {name: values[name] for name in ("outputs", "batching", "help")}
        return cls(inputs, auxiliary=tuple(values["auxiliary"]), **named)


CARD_VERSION = 4  # the `format_version` of model cards
# What `Prediction.to_dict` gives, for `lm_zoo.files.json_files.check`.
CARD = {
    "inputs": [
        {
            "name": str,
            "dtype": str,
            "default": object,
            "each": str,
            "field": str,
            "ends": bool,
            "windowed": bool,
            "at_least": (float, None),
            "above": (float, None),
            "at_most": (float, None),
            "below": (float, None),
            "note": str,
            "choices": [str],
            "bounds_length": bool,
            "automatic": [int],
            "help": str,
        }
    ],
    "outputs": {str: str},
    "batching": str,
    "auxiliary": [str],
    "help": str,
}


# How many texts a prediction reads at once: it changes no answer.
TEXTS_AT_ONCE = Input(
    "batch_size", "int32", BATCH_SIZE, **ONLY_IN_PYTHON, at_least=1, help="Texts per batch."
)


def inputs_of(options, *names, **changed):
    """Returns the `Input`s of options.

    Args:
        options: A dataclass whose fields are `lm_zoo.checked_fields.field`s.
        *names: Of the options, in the order of the inputs.
        **changed: Name -> attributes of the `Input` that the option does not say.
    """
    fields = {field.name: field for field in dataclasses.fields(options)}
    kinds = {name: type_beside_none(kind)[0] for name, kind in field_types(options).items()}
    return tuple(
        Input(
            name,
            "string" if typing.get_origin(kinds[name]) is tuple else DTYPES[kinds[name]],
            fields[name].default,
            **vars(facts_of(fields[name])) | changed.get(name, {}),
        )
        for name in names
    )


def prediction_of(task, predictions, name, where="prediction"):
    """Returns one of a task's predictions.

    Args:
        task: Name of the task.
        predictions: Name -> `Prediction`.
        name: Which one.
        where: What asks for it, in messages.

    Raises:
        UserError: If the task has none of this name.
    """
    if name not in predictions:
        raise UserError(
            f"{where}: the task {task} has no prediction {name!r}; it has {', '.join(predictions)}."
        )
    return predictions[name]


def _plain(value):
    """Returns what is in a list, a tuple or an array of numpy's as lists of Python's own values."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
