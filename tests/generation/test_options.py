"""What generation refuses, before any model is touched."""

import subprocess
import sys

import pytest

from lm_zoo.errors import UserError
from lm_zoo.generation.options import GenerationOptions


@pytest.mark.parametrize(
    "arguments, field, received",
    [
        ({"temperature": -0.5}, "temperature", "-0.5"),
        ({"temperature": float("nan")}, "temperature", "nan"),
        ({"temperature": float("inf")}, "temperature", "inf"),
        ({"temperature": "hot"}, "temperature", "'hot'"),
        ({"top_p": 0.0}, "top_p", "0.0"),
        ({"top_p": 1.5}, "top_p", "1.5"),
        ({"top_p": float("nan")}, "top_p", "nan"),
        ({"top_k": -1}, "top_k", "-1"),
        ({"top_k": 1.5}, "top_k", "1.5"),
        ({"max_new_tokens": 0}, "max_new_tokens", "0"),
        ({"max_new_tokens": True}, "max_new_tokens", "True"),
        ({"num_return_sequences": 0}, "num_return_sequences", "0"),
        ({"seed": -1}, "seed", "-1"),
        ({"seed": 2**31}, "seed", "2147483648"),
        ({"repetition_penalty": 0.0}, "repetition_penalty", "0.0"),
        ({"length_penalty": float("inf")}, "length_penalty", "inf"),
        ({"stop": ("end", "")}, "stop", "('end', '')"),
        ({"stop": "end"}, "stop", "'end'"),
        ({"num_beams": 0}, "num_beams", "0"),
        ({"num_beams": 2, "temperature": 0.7}, "temperature", "0.7"),
        ({"num_beams": 2, "top_k": 5}, "top_k", "5"),
        ({"num_beams": 2, "top_p": 0.9}, "top_p", "0.9"),
        ({"num_beams": 2, "num_return_sequences": 3}, "num_return_sequences", "3"),
        ({"temperature": 0, "num_return_sequences": 2}, "num_return_sequences", "2"),
    ],
)
def test_unusable_options_are_refused_by_name(arguments, field, received):
    with pytest.raises(UserError) as error:
        GenerationOptions(**arguments).validate()
    message = str(error.value)
    assert message.startswith(f"{field}: expected ") and message.endswith(f"received {received}.")
    assert "\n" not in message


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"temperature": 0},
        {"num_beams": 4, "temperature": 0.0, "num_return_sequences": 4},
        {"num_beams": 4},
        {"stop": ["\n", "end"], "top_k": 5, "top_p": 0.5, "num_return_sequences": 3},
        {"length_penalty": -1.0, "num_beams": 2},
    ],
)
def test_usable_options_pass(arguments):
    options = GenerationOptions(**arguments)
    assert options.validate() is options
    assert isinstance(options.stop, tuple)


def test_options_need_no_tensorflow():
    code = (
        "import sys; from lm_zoo.generation import GenerationOptions, TranslationOptions; "
        "GenerationOptions().validate(); TranslationOptions().validate(); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
