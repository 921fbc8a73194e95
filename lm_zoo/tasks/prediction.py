"""What a trained run can be asked for, declared once for every way to ask.

Python, command-line flags, SavedModel signatures, the model card and the server are made from these
declarations. This module imports the standard library alone: help answers without TensorFlow.
"""

import dataclasses

from lm_zoo.errors import UserError, unknown_name
from lm_zoo.options import expected_number, facts_of, fits, require

ONLY_IN_PYTHON = {"each": "call", "exported": False}  # what `inputs_of` is told of an input
DTYPES = {bool: "bool", int: "int32", float: "float32", str: "string", tuple: "string"}


@dataclasses.dataclass(frozen=True)
class Input:
    """One input of a prediction.

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
        at_least: The smallest value, or None.
        above: The value that it has to be above, or None.
        at_most: The largest value, or None.
        note: What is said of the bounds in messages: `0: off`.
        choices: All values there are; () for any.
        bounds_length: Whether it says how many tokens a text may get; the server limits it.
        automatic: `(times, more)`, where 0 stands for so many times the tokens of the row's texts,
            and so many more; () where it does not.
        exported: Whether a SavedModel has it; else Python and the command line alone.
        help: One line, for `--help`, the model card and messages.
    """

    name: str
    dtype: str
    default: object = None
    each: str = "row"
    field: str = ""
    ends: bool = False
    windowed: bool = False
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    note: str = ""
    choices: tuple = ()
    bounds_length: bool = False
    automatic: tuple = ()
    exported: bool = True
    help: str = ""

    @property
    def is_required(self):
        """Whether it has no default."""
        return self.default is None

    @property
    def expected(self):
        """What a value has to be, in words: `a finite number of at least 0 (0: greedy)`."""
        if self.dtype not in ("int32", "float32"):
            return " or ".join(self.choices) or "text"
        return expected_number(self.dtype == "int32", **self._bounds(), note=self.note)

    def checked(self, value):
        """Returns a value as Python has it; a string where several may be is a list of one.

        Raises:
            UserError: If it is none that the input can have.
        """
        if self.field or self.each == "list":
            values = [value] if isinstance(value, str) else list(value)
            require(all(isinstance(v, str) for v in values), self.name, "strings", value)
            return values
        if self.dtype in ("int32", "float32"):
            types = (int,) if self.dtype == "int32" else (int, float)
            is_number = isinstance(value, types) and not isinstance(value, bool)
            require(is_number and self.fits(value), self.name, self.expected, value)
        elif self.dtype == "bool":
            require(isinstance(value, bool), self.name, "True or False", value)
        elif self.choices:
            require(value in self.choices, self.name, self.expected, value)
        return value

    def fits(self, values):
        """Tells which numbers are within the bounds: a number, an array, or a tensor."""
        return fits(values, **self._bounds())

    def _bounds(self):
        return {"at_least": self.at_least, "above": self.above, "at_most": self.at_most}


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
        beside: Functions that go into the SavedModel with it and are no signatures: what servers,
            converters to other forms and the verification of the export build on.
        example: Input name -> value of a small call, where the defaults would not do.
        help: One line.
    """

    inputs: tuple
    outputs: dict
    answer: str = ""
    function: str = ""
    batching: str = "rows"
    beside: tuple = ()
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
        names = [each.name for each in self.inputs if each.field]
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
            name: each.checked(given.get(name, each.default)) for name, each in known.items()
        }
        rows = {len(checked[name]) for name in names}
        if len(rows) > 1:
            raise UserError(
                f"{names[1]}: expected one for each {names[0]}, of which there are "
                f"{len(checked[names[0]])}, received {len(checked[names[1]])}."
            )
        return checked

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
        named = {name: getattr(self, name) for name in ("outputs", "batching", "beside", "help")}
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
        return cls(inputs, beside=tuple(values["beside"]), **named)


CARD_VERSION = 2  # the `format_version` of model cards
# What `Prediction.to_dict` gives, for `lm_zoo.json_files.check`.
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
            "note": str,
            "choices": [str],
            "bounds_length": bool,
            "automatic": [int],
            "help": str,
        }
    ],
    "outputs": {str: str},
    "batching": str,
    "beside": [str],
    "help": str,
}


def inputs_of(options, *names, **changed):
    """Returns the `Input`s of options.

    Args:
        options: A dataclass whose fields are `lm_zoo.options.option`s.
        *names: Of the options, in the order of the inputs.
        **changed: Name -> attributes of the `Input` that the option does not say.
    """
    fields = {field.name: field for field in dataclasses.fields(options)}
    return tuple(
        Input(
            name,
            DTYPES[type(fields[name].default)],
            fields[name].default,
            **facts_of(fields[name]) | changed.get(name, {}),
        )
        for name in names
    )
