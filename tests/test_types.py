"""Types: every public function has them, and a type checker finds mistakes with them."""

import inspect
import re

import pytest
from mypy import api

import lm_zoo
import lm_zoo.layers
from lm_zoo.corpus_tools import PreparedText
from lm_zoo.evaluation.compare import Comparison
from lm_zoo.evaluation.compare_figures import FiguresComparison
from lm_zoo.evaluation.figures_report import FiguresReport
from lm_zoo.evaluation.ledger import Ledger
from lm_zoo.inspection.inspection import Inspection
from lm_zoo.registration import resolve
from lm_zoo.tasks import TASKS, task_class
from lm_zoo.text.tokenizers import TOKENIZERS

# Lines that end in `# wrong` are mistakes, and no others.
PROGRAM = """
import pathlib
from typing import assert_type

import lm_zoo
from lm_zoo.evaluation.ledger import Ledger
from lm_zoo.layers import Dense
from lm_zoo.run import Run
from lm_zoo.text.tokenizers.tokenizer import Tokenizer

result = lm_zoo.train("quickstart_lstm", pathlib.Path("runs/mine"), seed=3)
assert_type(result.step, int)
lm_zoo.train("quickstart_lstm")  # wrong
lm_zoo.load(3)  # wrong
run = lm_zoo.load("runs/mine", checkpoint=200)
assert_type(run, Run)
run.generate("The", num_return_sequences=2)  # the task's
run.evaluate(split=1)  # wrong
assert_type(Ledger.from_dict({}).perplexity, float)
assert_type(lm_zoo.list_models(), list[str])
lm_zoo.build_model("lstm_lm", vocab_size="many")  # wrong
lm_zoo.compare(["runs/a", "runs/b"]).table().upper()
tokenizer = lm_zoo.load_tokenizer("byte")
assert_type(tokenizer, Tokenizer)
tokenizer.encode("a").sum()
tokenizer.decode("a")  # wrong
Dense("wide")  # wrong
lm_zoo.nothing_of_the_kind  # any name may be loaded when it is used
"""

PUBLIC = [
    *(getattr(lm_zoo, name) for name in lm_zoo.__all__ if name != "__version__"),
    *(getattr(lm_zoo.layers, name) for name in lm_zoo.layers.__all__),
    *(TOKENIZERS[name] for name in TOKENIZERS),
    *(resolve(task_class(name).run_class) for name in TASKS),
    *(Comparison, FiguresComparison, FiguresReport, Inspection, Ledger, PreparedText),
]


def functions(what):
    """Yields `(name, function)`, of a class its public methods, inherited ones of ours too."""
    if inspect.isfunction(what):
        yield what.__name__, what
        return
    for cls in what.__mro__:
        if not cls.__module__.startswith("lm_zoo"):
            continue
        for name, member in vars(cls).items():
            function = getattr(member, "fget", None) or getattr(member, "__func__", member)
            is_ours = inspect.isfunction(function) and function.__code__.co_filename != "<string>"
            if is_ours and (not name.startswith("_") or name in ("__init__", "__call__")):
                yield f"{cls.__name__}.{name}", function


@pytest.mark.parametrize("what", dict.fromkeys(PUBLIC), ids=lambda what: what.__name__)
def test_every_public_function_has_types(what):
    lacking = []
    for name, function in functions(what):
        parameters = set(inspect.signature(function).parameters) - {"self", "cls"}
        lacking += [
            f"{name}: {each}" for each in {*parameters, "return"} - {*function.__annotations__}
        ]
    assert not lacking


def test_a_type_checker_finds_mistakes_and_no_others(tmp_path):
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    options = ["--follow-imports=silent", f"--cache-dir={tmp_path}/cache"]
    shown, errors, _ = api.run([*options, str(file)])
    found = {int(line) for line in re.findall(r"program\.py:(\d+): error", shown)}
    lines = enumerate(PROGRAM.split("\n"), 1)
    assert found == {number for number, line in lines if line.endswith("# wrong")}, shown + errors
