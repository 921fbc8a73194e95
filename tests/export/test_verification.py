"""An export is proved by another process, and what is wrong does not pass; for every task."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.cli.main import main
from lm_zoo.errors import UserError
from lm_zoo.export.in_graph.exported_model import ExportedModel
from lm_zoo.export.saved_model import PreparedExport
from lm_zoo.export.verification.parity import Parity
from lm_zoo.export.verification.tensor_json import array, tensor
from lm_zoo.export.verification.verify import run_alone
from lm_zoo.runs.run import load


def test_tensors_are_the_same_after_json():
    for value in ("\u20ac\x00", ["a", ""], [], 3, [1.5, float("nan")], [[1, 2], [3, 4]]):
        given = np.asarray(value)
        back = array(tensor(value))
        assert back.shape == given.shape
        if given.dtype.kind == "U":
            assert [text.decode() for text in back.reshape(-1)] == given.reshape(-1).tolist()
        else:
            np.testing.assert_array_equal(back, given)


@dataclasses.dataclass
class Asked:
    """What an export was asked: its `Parity`, the functions called, and what came back."""

    parity: Parity
    functions: list
    answers: list

    def changed(self, function, output, change):
        """Returns the answers with one output of one call changed."""
        number, altered = self.functions.index(function), list(self.answers)
        values = altered[number][output]
        wrong = {**values, "values": [change(value) for value in values["values"]]}
        altered[number] = {**altered[number], output: wrong}
        return altered


@pytest.fixture(scope="module")
def language_modeling(exported_run):
    parity = PreparedExport(load(exported_run.run), precision="int8").parity
    return Asked(parity, [name for name, _ in parity.all_calls()], exported_run.answers)


@pytest.fixture(scope="module")
def translation(translation_run):
    parity = PreparedExport(load(translation_run.run)).parity
    loaded = tf.saved_model.load(str(translation_run.version))
    answers = []
    for name, inputs in parity.all_calls():  # answered by this process
        outputs = getattr(loaded, name)(*(tf.constant(array(each)) for each in inputs.values()))
        answers.append({key: as_json(value.numpy()) for key, value in outputs.items()})
    return Asked(parity, [name for name, _ in parity.all_calls()], answers)


def as_json(value):
    """What the process writes of a tensor."""
    values = value.reshape(-1).tolist()
    if value.dtype == object:
        texts = [data.decode("latin-1") for data in values]
        return {"dtype": "string", "shape": list(value.shape), "values": texts}
    return {"dtype": value.dtype.name, "shape": list(value.shape), "values": values}


@pytest.fixture
def asked(request, task):
    return request.getfixturevalue(task)


@pytest.mark.parametrize("task, chosen", [("language_modeling", 3), ("translation", 10)])
def test_what_is_right_passes(asked, chosen):
    report = asked.parity.check_all(asked.answers)
    assert set(report.largest_difference) == set(asked.parity.task.predictions)
    assert max(report.largest_difference.values()) < 1e-5
    ((name, choices),) = report.choices.items()
    assert choices.equal == choices.total >= chosen and not choices.tied
    lines = list(report.lines())
    assert f"{choices.total} of {choices.total} {choices.what} identical" in lines[1]
    assert f"on {report.texts} texts: " in lines[0] and f"{name} " not in lines[0]


SCORES = [
    ("score", "log_prob", lambda value: value * 1.001),
    ("score", "num_tokens", lambda value: value + 1),
    ("score", "perplexity", lambda value: value * 1.01),
    ("token_logprobs", "log_probs", lambda value: value - 0.001),
    ("token_logprobs", "tokens", lambda value: "x"),
    ("token_logprobs", "row_lengths", lambda value: value + 1),
    ("embed", "vector", lambda value: value * 1.001),
]
GENERATED = [
    ("next_token", "log_probs", lambda value: value - 0.001),
    ("next_token", "tokens", lambda value: "x"),
    ("generate", "text", lambda value: value[:-1]),
    ("generate", "log_prob", lambda value: value * 1.001),
    ("generate", "num_tokens", lambda value: value - 1),
    ("continue_greedily", "tokens", lambda value: max(value - 1, 0)),
]
TRANSLATED = [
    ("translate", "text", lambda value: value[:-1]),
    ("translate", "texts", lambda value: value[:-1]),
    ("translate", "score", lambda value: value - 0.001),
    ("beams", "tokens", lambda value: max(value - 1, -1)),
    ("beams", "scores", lambda value: value - 0.001),
    ("beams", "log_probs", lambda value: value * 1.001),
]
SHOWN = {"continue_greedily": "generate", "beams": "translate"}  # the prediction that is named


@pytest.mark.parametrize(
    "task, function, output, change",
    [
        *(("language_modeling", *case) for case in (*SCORES, *GENERATED)),
        *(("translation", *case) for case in (*SCORES, *TRANSLATED)),
    ],
)
def test_every_output_that_differs_is_found(asked, function, output, change):
    altered = asked.changed(function, output, change)
    name = SHOWN.get(function, function)
    with pytest.raises(UserError, match=rf"export: {name} of .* in the SavedModel, but .* in Py"):
        asked.parity.check_all(altered)


def test_the_cases_above_are_all_outputs(language_modeling, translation):
    for asked, cases in ((language_modeling, GENERATED), (translation, TRANSLATED)):
        tried = {(function, output) for function, output, _ in (*SCORES, *cases)}
        for name, prediction in asked.parity.task.predictions.items():
            missing = {(name, output) for output in prediction.outputs} - tried
            assert missing <= {("translate", "scores")}  # those of the beams


def test_a_tie_that_rounding_decides_is_no_difference(exported_run):
    run = load(exported_run.run)
    parity = PreparedExport(run, signatures=("generate",)).parity
    table = parity.run.model.token_embedding.embeddings  # tied: a token's row is its output too
    table.assign(np.concatenate([table[:1], table[:1], table[2:]]))
    ids = run.tokenizer.encode("the").tolist()
    assert parity.is_tie(ids, [3, 0, 5], [3, 1, 2])
    assert not parity.is_tie(ids, [3, 4], [3, 5])
    assert not parity.is_tie(ids, [3, 4], [3, 4, 5])


def test_another_text_of_the_same_score_is_a_tie(translation):
    parity = translation.parity
    source, token_ids = "the birds hear a river", [3, 4, parity.run.tokenizer.end_id]
    score = parity.log_probs(source, token_ids).sum() / 3

    class Own:
        """A translation that rounding might have put first."""

    Own.score = float(score) + 5e-5
    assert parity.is_tie(source, token_ids, Own)
    Own.score = float(score) + 1e-2
    assert not parity.is_tie(source, token_ids, Own)
    assert not parity.is_tie(source, token_ids[1:], Own)
    assert np.isfinite(score)


def test_an_export_that_differs_is_not_there(exported_run, tmp_path, monkeypatch, capsys):
    save = ExportedModel.save

    def save_another(self, folder):
        for weight, *_ in self.weights.stored:
            weight.assign(weight + 0.01 * np.sign(weight))
        save(self, folder)

    monkeypatch.setattr(ExportedModel, "save", save_another)
    arguments = [f"--workdir={exported_run.run}", f"--output={tmp_path}/out", "--signatures=score"]
    assert main(["export", *arguments]) == 2
    output, errors = capsys.readouterr()
    assert "score of" in errors and errors.count("\n") == 1 and not output
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_fails_is_said(exported_run):
    with pytest.raises(
        UserError, match="a separate process could not run .*status 1: .*'no_such_package'"
    ):
        run_alone([(str(exported_run.version), [])], ["no_such_package"])
