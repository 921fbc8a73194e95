"""What a trained run can be asked for, declared once for every way to ask.

Python, command-line flags, SavedModel signatures, the model card and the server are made from these
declarations. This module imports the standard library alone: help answers without TensorFlow.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Input:
    """One input of a prediction.

    Attributes:
        name: As a keyword, a flag, and in a request.
        dtype: `string`, `int32` or `float32`.
        default: The value where none is given; None where it must be given.
        each: `row` (a value for each text) or `call` (one for all texts of a call: requests share
            a call of the model only where they agree).
        at_least: The smallest value, or None.
        above: The value that it has to be above, or None.
        at_most: The largest value, or None.
        bounds_length: Whether it says how many tokens a text may get; the server limits it.
        help: One line, for `--help`, the model card and messages.
    """

    name: str
    dtype: str
    default: object = None
    each: str = "row"
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    bounds_length: bool = False
    help: str = ""


@dataclasses.dataclass(frozen=True)
class Prediction:
    """Something that a trained run can be asked for, by its name.

    Attributes:
        inputs: `Input`s, the texts first.
        outputs: Name -> how an export is compared with Python: `equal`, `log_prob`, `vector`, or
            `ragged:NAME` for values of which each row has as many as the output NAME says.
        answer: `module:function` of `(run, **inputs) -> outputs`, in Python.
        function: The method of the object that `Task.exported` returns.
        batching: `rows` (requests wait for each other and share a call) or `engine` (texts join
            and leave a running batch).
        beside: Functions that go into the SavedModel with it and are no signatures.
    """

    inputs: tuple
    outputs: dict
    answer: str
    function: str
    batching: str = "rows"
    beside: tuple = ()
