"""What the tasks declare of their predictions: the same for Python, the model card and messages."""

import json

import numpy as np
import pytest

from lm_zoo.errors import UserError
from lm_zoo.files.json_files import NotJson, parse_json
from lm_zoo.generation import GenerationOptions, TranslationOptions
from lm_zoo.registration import resolve
from lm_zoo.tasks import TASKS, task_class
from lm_zoo.tasks.prediction import CARD, Input, Prediction

ALL = [(task, name) for task in TASKS for name in task_class(task).predictions]


@pytest.mark.parametrize("task, name", ALL)
def test_a_declaration_is_whole_and_survives_json(task, name):
    kind = task_class(task)
    prediction = kind.predictions[name]
    assert callable(resolve(prediction.answer))
    assert hasattr(resolve(kind.functions_class), prediction.function)
    texts = [each for each in prediction.inputs if each.field]
    assert texts == list(prediction.inputs[: len(texts)]) and texts
    assert {each.field for each in texts} <= {field.name for field in kind.fields}
    assert all(each.help and each.each in ("row", "call", "list") for each in prediction.inputs)
    assert set(prediction.kinds.values()) <= {"equal", "log_prob", "perplexity", "vector"}
    assert set(prediction.row_lengths.values()) <= set(prediction.outputs)
    back = Prediction.from_dict(parse_json(json.dumps(prediction.to_dict()), CARD))
    assert [each.name for each in back.inputs] == [e.name for e in prediction.exported_inputs]
    assert [each.expected for each in back.inputs] == [
        each.expected for each in prediction.exported_inputs
    ]
    assert back.outputs == prediction.outputs and back.batching == prediction.batching


@pytest.mark.parametrize(
    "task, name, options",
    [
        ("language_modeling", "generate", GenerationOptions),
        ("translation", "translate", TranslationOptions),
    ],
)
def test_defaults_are_those_of_the_options(task, name, options):
    inputs = {each.name: each for each in task_class(task).predictions[name].inputs}
    own = vars(options())
    assert set(own) <= set(inputs)
    for name in own:
        assert inputs[name].default == own[name]


def test_a_damaged_card_is_refused():
    values = task_class("language_modeling").predictions["score"].to_dict()
    del values["inputs"][0]["each"]
    with pytest.raises(NotJson, match="each"):
        parse_json(json.dumps(values), CARD)


def test_bounds_are_told_of_numbers_and_arrays_alike():
    top_p = Input("top_p", "float32", 1.0, above=0, at_most=1, note="1: all")
    values = np.array([0.0, 0.5, 1.0, 1.5, np.nan, np.inf])
    assert top_p.fits(values).tolist() == [False, True, True, False, False, False]
    assert [bool(top_p.fits(value)) for value in values] == top_p.fits(values).tolist()
    assert top_p.expected == "a finite number above 0 and at most 1 (1: all)"
    seed = Input("seed", "int32", 0, at_least=0)
    assert seed.fits(np.array([-1, 0, 2**31 - 1])).tolist() == [False, True, True]
    assert seed.expected == "a whole number of at least 0"


@pytest.mark.parametrize(
    "task, name, texts, values, message",
    [
        ("translation", "score", [["a"], ["b", "c"]], {}, "text: expected one for each source"),
        ("translation", "score", ["a"], {}, "text: it is needed"),
        (
            "translation",
            "score",
            ["a", "b", "c"],
            {},
            "texts: expected 2 .source, text., received 3",
        ),
        ("translation", "translate", [[1]], {}, "text: expected strings, received"),
        ("language_modeling", "generate", ["a"], {"temprature": 1}, "'temprature'.*'temperature'"),
        ("language_modeling", "generate", ["a"], {"top_p": 2.0}, "top_p: expected a finite number"),
        ("language_modeling", "generate", ["a"], {"seed": 1.5}, "seed: expected a whole number"),
        (
            "language_modeling",
            "score",
            ["a"],
            {"special_tokens": "x"},
            "expected one of text, control",
        ),
    ],
)
def test_wrong_inputs_are_one_line_that_names_them(task, name, texts, values, message):
    with pytest.raises(UserError, match=message) as raised:
        task_class(task).predictions[name].checked(texts, values)
    assert "\n" not in str(raised.value)


def test_inputs_are_completed_by_their_defaults():
    checked = task_class("language_modeling").predictions["next_token"].checked(["a"], {"k": 2})
    assert checked == {"text": ["a"], "k": 2, "special_tokens": "text"}
