"""Every registered task through every promise that a task must keep; it has a row in `TASKS`."""

import dataclasses
import json
import re
import shutil
import urllib.request

import numpy as np
import pytest
import tensorflow as tf

import lm_zoo
from lm_zoo import checkpoints, tasks
from lm_zoo.cli.main import main
from lm_zoo.config import CorpusConfig, ModelConfig, TaskConfig, config_checks
from lm_zoo.errors import UserError
from lm_zoo.experiment import Experiment
from lm_zoo.export.export import export
from lm_zoo.export.verification.comparison import compare_outputs
from lm_zoo.export.verification.tensor_json import array
from lm_zoo.layers.dropout import dropout_scope
from lm_zoo.registration import resolve
from tests.conformance.replica_cases import ONE
from tests.conformance.replica_runs import assert_same, load, run_jobs
from tests.conformance.task_cases import TaskCase
from tests.conformance.tasks import INTERVAL, STEPS, TASKS
from tests.curves import read_scalars

DIVIDED = "mirrored x2, accumulation x2, 5 steps a call"
NAME = "tiny"
NO_SUCH = "no_such_thing"


@dataclasses.dataclass
class Trained:
    """A task's run, moved away from where it was trained, without its text and its cache.

    Attributes:
        name: Of the task.
        row: Its `Row`.
        folder: Where the text and the cache were.
        run: The `Run`.
    """

    name: str
    row: object
    folder: object
    run: object

    @property
    def task(self):
        return self.run.task

    @property
    def predictions(self):
        return self.task.predictions.items()


@pytest.fixture(scope="module", params=TASKS)
def trained(request, tmp_path_factory):
    """A short run of each task, shared by all tests."""
    name, row = request.param, TASKS[request.param]
    place = tmp_path_factory.mktemp(name)
    folder = place / "folder"
    folder.mkdir()
    lm_zoo.train(row.config(name, folder), folder / "run")
    (folder / "run").rename(place / "moved")
    shutil.rmtree(folder)
    return Trained(name, row, folder, lm_zoo.load(place / "moved", "latest"))


@pytest.fixture(scope="module")
def prepared(trained, tmp_path_factory):
    """The `Experiment` of the same config, whose text is there; untrained."""
    folder = tmp_path_factory.mktemp("prepared")
    return Experiment(trained.row.config(trained.name, folder), folder / "run")


@pytest.fixture(scope="module")
def divided(tmp_path_factory):
    """Every task trained on each division of its batches, and the cases by task."""
    folder = tmp_path_factory.mktemp("divided")
    cases = {name: TaskCase(name, str(folder)) for name in TASKS}
    layouts = (ONE, DIVIDED)
    run_jobs(folder, [(case, layout) for case in cases.values() for layout in layouts], plain=True)
    return folder, cases


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """The folder of the run's export; it was verified by a process of its own."""
    path, report = export(trained.run, tmp_path_factory.mktemp("exports"), name=NAME)
    return path, report


@pytest.fixture(scope="module")
def server(exported):
    """A server of the export, in this process."""
    pytest.importorskip("starlette", reason="the extra `serve` is not installed")
    from lm_zoo.serving.limits import ServingLimits
    from lm_zoo.serving.served_model import ServedModel
    from tests.serving.conftest import Server

    with Server(ServedModel(exported[0].parent), ServingLimits()) as running:
        yield running


def asked(trained, prediction, **more):
    """Returns all inputs of a prediction: those of its row, and the others' defaults."""
    given = trained.row.calls[prediction] | more
    inputs = {each.name: each.default for each in trained.task.predictions[prediction].inputs}
    assert given.keys() <= inputs.keys()
    return inputs | given


def assert_equal_outputs(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(np.array(found[name]), np.array(value), err_msg=name)


def line_of(call):
    """Returns the one line that a mistake is told in."""
    with pytest.raises(UserError) as raised:
        call()
    return str(raised.value)


def assert_says(line, *words):
    assert "\n" not in line
    for word in words:
        assert str(word) in line, f"{word!r} is not in: {line}"


def test_every_registered_task_has_a_row_and_no_other():
    assert set(TASKS) == set(tasks.TASKS) - set(tasks.TASKS.outside)


def test_its_row_calls_every_prediction(trained):
    assert set(trained.row.calls) == set(trained.task.predictions)
    assert trained.name == trained.task.name and trained.run.step == STEPS


# Sums of rows


@pytest.mark.parametrize("training", [True, False])
def test_sums_of_rows_are_those_of_the_whole_and_padding_counts_nothing(prepared, training):
    task, model = prepared.task, prepared.model
    batches = task.batches(prepared.examples.split("train"), model, training)
    names = (*task.figures, *(() if training else task.counts))
    with_dropout = training and task.rows_are_independent

    def sums(features, state, step, first_row=0):
        with dropout_scope(3, step, first_row):
            found, state = task.sums(model, features, state, with_dropout)
        assert set(names) <= set(found.figures)
        values = {"objective": found.objective, "weight": found.weight}
        return values | {name: found.figures[name] for name in names}, state

    rows = batches.num_rows(0)
    state = task.initial_state(model, rows) if batches.carries_state else ()
    for step in range(2 if batches.carries_state else 1):
        features = {k: tf.constant(v) for k, v in batches.batch(step).features.items()}
        rows = batches.num_rows(step)
        whole, after = sums(features, state, step)
        padded, _ = sums(
            tf.nest.map_structure(lambda t: _with_rows(t, 2), features),
            tf.nest.map_structure(lambda t: _with_rows(t, 2), state),
            step,
        )
        alone = [
            sums(*tf.nest.map_structure(lambda t: t[i : i + 1], (features, state)), step, i)[0]
            for i in range(rows if task.rows_are_independent else 0)
        ]
        for name, values in whole.items():
            assert values.shape[0] == rows and values.dtype == tf.float32, name
            assert (len(values.shape) == 1) == (name not in task.counts), name
            np.testing.assert_allclose(padded[name][:rows], values, atol=1e-4, err_msg=name)
            np.testing.assert_array_equal(padded[name][rows:], 0 * padded[name][rows:], name)
            if alone:
                found = tf.concat([row[name] for row in alone], 0)
                np.testing.assert_allclose(found, values, atol=1e-4, err_msg=name)
        assert float(tf.reduce_sum(whole["weight"])) > 0
        state = after


def _with_rows(tensor, number):
    return tf.concat([tensor, tf.zeros((number, *tensor.shape[1:]), tensor.dtype)], 0)


def test_divided_it_learns_and_measures_the_same(trained, divided):
    folder, cases = divided
    case = cases[trained.name]
    found, expected = load(folder, case, DIVIDED), load(folder, case, ONE)
    assert set(found.sums) == {"objective", "weight", *trained.task.figures}
    assert set(found.figures) >= {"loss"}
    assert_same(found, expected)


# Training and evaluation


def test_stopped_and_resumed_it_ends_with_the_same_bits(trained, tmp_path):
    trained.folder.mkdir(exist_ok=True)  # its text is there again
    config, stopped = trained.row.config(trained.name, trained.folder), tmp_path / "stopped"
    shutil.copytree(trained.run.folder.path, stopped)
    for step in range(INTERVAL, STEPS, INTERVAL):
        shutil.rmtree(checkpoints.path_of(stopped / "checkpoints", step + INTERVAL))
    (stopped / "checkpoints" / checkpoints.BEST).unlink()
    assert checkpoints.steps(stopped / "checkpoints") == [INTERVAL]
    assert lm_zoo.train(config, stopped).step == STEPS
    shutil.rmtree(trained.folder)
    found, expected = (
        checkpoints.load_latest(folder / "checkpoints").tensors
        for folder in (stopped, trained.run.folder.path)
    )
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    for split in ("train", "validation"):
        curves = [
            read_scalars(folder / split, "metrics/loss")
            for folder in (stopped, trained.run.folder.path)
        ]
        assert curves[0] == curves[1] and len(curves[0]) == STEPS // INTERVAL


def test_a_report_keeps_its_protocol_and_hangs_on_no_batch_size(trained):
    run, options = trained.run, trained.row.evaluation
    report = run.report("test", trained.task.EvaluationOptions())
    assert report.figures.keys() >= {"loss"} and report.figures["loss"] > 0
    assert all(np.isfinite(value) for value in report.figures.values())
    assert report.summary() and "\n" not in report.summary()
    values = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert json.loads(json.dumps(report.identity)) == report.identity != {}
    assert values["step"] == STEPS and values["corpus"] == trained.row.corpus[0]
    assert "loss" in report.summary() and report.table()
    results = report.results("test")
    assert any(name == "evaluation-test.json" for name in results)
    for name, kept in results.items():
        assert isinstance(kept, str) or name.endswith(".json")
        json.dumps(kept, allow_nan=False)
    few, many = (run.evaluate("test", batch_size=size, **options) for size in (1, 7))
    assert few.identity == many.identity and few.figures.keys() == many.figures.keys()
    for name, value in few.figures.items():
        assert many.figures[name] == pytest.approx(value, rel=1e-5), name


# Predictions


def test_the_folder_alone_gives_every_prediction(trained):
    assert not trained.folder.exists()
    for name, prediction in trained.predictions:
        found = trained.run.predict(name, **trained.row.calls[name])
        assert found.keys() == prediction.outputs.keys()
        inputs = asked(trained, name)
        rows = len(next(iter(inputs.values())))
        for output, value in found.items():
            assert output in prediction.row_lengths or len(value) == rows, output
        assert_equal_outputs(found, resolve(prediction.answer)(trained.run, **inputs))
        texts = [each.name for each in prediction.inputs if each.field]
        others = {k: v for k, v in trained.row.calls[name].items() if k not in texts}
        in_order = trained.run.predict(name, *(inputs[text] for text in texts), **others)
        assert_equal_outputs(in_order, found)


def test_an_export_gives_what_python_gives(trained, exported):
    path, report = exported
    assert all(name in report for name in trained.task.predictions)
    card = json.loads((path / "model_card.json").read_text("utf-8"))
    assert card["task"] == trained.name and set(card["predictions"]) == set(trained.row.calls)
    for name, prediction in trained.predictions:
        example = card["predictions"][name]["example"]
        inputs, found = ({k: array(v) for k, v in example[p].items()} for p in example)
        given = {
            each.name: _as_python(each, inputs[each.name]) for each in prediction.exported_inputs
        }
        expected = trained.run.predict(name, **given)
        assert found.keys() == expected.keys()
        compare_outputs(name, given, found, expected, prediction.kinds)


def _as_python(each, value):
    """Returns the value of an `Input` from its tensor."""
    value = np.vectorize(bytes.decode, otypes=[object])(value) if each.dtype == "string" else value
    if each.each == "list" and not value.ndim:
        return [value.item()] * bool(value.item())  # "" stands for none
    return value.tolist()


def test_the_server_gives_what_the_run_gives(trained, server):
    for name, prediction in trained.predictions:
        body = {"signature_name": name, "inputs": trained.row.calls[name]}
        status, answer = server.ask("POST", f"/v1/models/{NAME}:predict", body)
        assert status == 200, answer
        found = answer["outputs"]
        if len(prediction.outputs) == 1:
            found = {output: found for output in prediction.outputs}
        found = {output: np.array(_as_bytes(value)) for output, value in found.items()}
        expected = trained.run.predict(name, **trained.row.calls[name])
        assert found.keys() == expected.keys()
        compare_outputs(name, body["inputs"], found, expected, prediction.kinds)


def _as_bytes(value):
    if isinstance(value, list):
        return [_as_bytes(each) for each in value]
    return value.encode("utf-8") if isinstance(value, str) else value


def test_the_server_lists_every_prediction_and_its_page_shows_it(trained, server):
    status, answer = server.ask("GET", f"/v1/models/{NAME}/metadata")
    described = answer["metadata"]["signature_def"]["signature_def"]
    assert status == 200 and set(described) - {"serving_default"} == set(trained.row.calls)
    for name, prediction in trained.predictions:
        inputs = {each.name for each in prediction.exported_inputs}
        assert set(described[name]["inputs"]) == inputs
        assert set(described[name]["outputs"]) == set(prediction.outputs)
    with urllib.request.urlopen(server.address, timeout=60) as response:
        page = response.read().decode("utf-8")
    (data,) = re.findall(r'<script type="application/json" id="model">(.*?)</script>', page)
    shown = {name: prediction.to_dict() for name, prediction in trained.predictions}
    assert json.loads(data)["predictions"] == json.loads(json.dumps(shown))
    assert trained.name in page


def test_inspection_shows_every_field(trained, tmp_path, capsys):
    trained.folder.mkdir()
    trained.row.config(trained.name, trained.folder)  # its text is there again
    workdir, page = trained.run.folder.path, tmp_path / "page.html"
    assert main(["inspect", f"--workdir={workdir}", f"--output={page}", "--json"]) == 0
    shutil.rmtree(trained.folder)
    report = json.loads(capsys.readouterr().out)
    assert report["task"] == trained.name
    assert list(report["fields"]) == [field.name for field in trained.task.fields]
    assert all(report["fields"].values()) and page.stat().st_size


# Mistakes


def test_an_unknown_argument_of_the_task(trained, tmp_path):
    config = trained.row.config(trained.name, tmp_path)
    config.task = TaskConfig(trained.name, **trained.row.arguments, **{NO_SUCH: 1})
    known = [field.name for field in dataclasses.fields(trained.task.Arguments)]
    line = line_of(lambda: config_checks.resolve(config))
    assert_says(line, f"config.task.{NO_SUCH}", trained.name, *(known or ["none"]))


def test_a_best_by_that_the_task_does_not_have(trained, tmp_path):
    config = trained.row.config(trained.name, tmp_path)
    config.training.best_by = NO_SUCH
    line = line_of(lambda: config_checks.resolve(config))
    assert_says(line, "config.training.best_by", NO_SUCH, "Expected", *trained.task.monitors)


def test_a_model_of_the_wrong_kind(trained, tmp_path):
    config = trained.row.config(trained.name, tmp_path)
    config.model = ModelConfig(trained.row.wrong_model)
    line = line_of(lambda: Experiment(config, tmp_path / "run"))
    assert_says(line, "config.model.name", trained.name, trained.row.wrong_model, "lm-zoo list")
    assert not (tmp_path / "run").exists()


def test_a_corpus_without_the_fields_of_the_task(trained, tmp_path):
    config = trained.row.config(trained.name, tmp_path)
    config.corpus = CorpusConfig(trained.row.wrong_corpus)
    line = line_of(lambda: Experiment(config, tmp_path / "run"))
    expected = (field.name for field in trained.task.fields)
    assert_says(line, "corpus.name", "expected", trained.name, trained.row.wrong_corpus, *expected)
    assert not (tmp_path / "run").exists()


def test_a_prediction_that_the_task_does_not_have(trained):
    line = line_of(lambda: trained.run.predict(NO_SUCH, ["a"]))
    assert_says(line, "prediction", NO_SUCH, trained.name, *trained.task.predictions)


def test_every_input_out_of_its_bounds(trained):
    tried = 0
    for name, prediction in trained.predictions:
        for each in prediction.inputs:
            for value in _out_of_bounds(each):
                more = trained.row.calls[name] | {each.name: value}
                line = line_of(lambda: trained.run.predict(name, **more))
                expected = ("expected", each.expected) if each.expected != "text" else ()
                assert_says(line, each.name, *expected, repr(value))
                tried += 1
        line = line_of(lambda: trained.run.predict(name, **trained.row.calls[name], **{NO_SUCH: 1}))
        assert_says(line, NO_SUCH, "Expected", *(each.name for each in prediction.inputs))
    assert tried


def _out_of_bounds(each):
    """Yields values that an `Input` cannot have."""
    if each.at_least is not None:
        yield each.at_least - 1
    if each.above is not None:
        yield each.above
    if each.at_most is not None:
        yield each.at_most + 1
    if each.choices:
        yield NO_SUCH


def test_an_unknown_option_of_the_evaluation(trained, capsys):
    workdir = trained.run.folder.path
    assert main(["evaluate", f"--workdir={workdir}", f"--{NO_SUCH}=1"]) == 2
    line = capsys.readouterr().err.strip()
    known = (f"--{field.name}" for field in dataclasses.fields(trained.task.EvaluationOptions))
    assert_says(line, f"--{NO_SUCH}", trained.name, *known)


def test_an_export_of_a_prediction_that_the_task_does_not_have(trained, tmp_path):
    line = line_of(lambda: export(trained.run, tmp_path / "exports", signatures=[NO_SUCH]))
    assert_says(line, "signatures", NO_SUCH, trained.name, *trained.task.predictions)
    assert not list((tmp_path / "exports").glob("*/*"))
