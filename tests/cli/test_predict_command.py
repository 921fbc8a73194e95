"""`lm-zoo predict`: any prediction of a run's task, equal to Python's, from files and from flags."""

import json
import math

import pytest

import lm_zoo
import lm_zoo.runs.run
from lm_zoo import config as config_lib
from lm_zoo.cli.main import main
from lm_zoo.tasks import TASKS, declaration
from tests.cli.test_bad_input import refused
from tests.cli.test_main import lm_zoo as process

TEXTS = ["abab", "", "ba a", "abab"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run of a small language model and files of text."""
    root = tmp_path_factory.mktemp("place")
    config = config_lib.ExperimentConfig(
        task=config_lib.TaskConfig("language_modeling", sequence_length=16, sample_length=0),
        corpus=config_lib.CorpusConfig("synthetic", tokens=2000),
        data=config_lib.DataConfig(batch_size=4, cache_dir=str(root / "cache")),
        tokenizer=config_lib.TokenizerConfig("byte"),
        model=config_lib.ModelConfig("gru_lm", hidden_dim=8),
        training=config_lib.TrainingConfig(steps=2),
    )
    lm_zoo.train(config, root / "run")
    (root / "texts.txt").write_text("\n".join(TEXTS) + "\n")
    (root / "pairs.tsv").write_text("ab\tba\na\t\n")
    (root / "bad.tsv").write_text("ab\tba\nabab\n")
    objects = [{"text": text, "prompt": text} for text in TEXTS]
    (root / "texts.jsonl").write_text("\n\n".join(map(json.dumps, objects)))
    (root / "bad.jsonl").write_text('{"text": "a"}\n{"txt": "a"}\n')
    return root


@pytest.fixture(scope="module")
def run(place):
    return lm_zoo.load(place / "run")


def predicted(capsys, *arguments):
    """What the command gives, an object for each text."""
    assert main(["predict", *map(str, arguments), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def check(found, outputs, prediction, names, texts):
    """Sees that what the command gave is what Python gave."""
    expected = prediction.rows(outputs, len(texts))
    for row, own, text in zip(found, expected, texts, strict=True):
        assert row["inputs"] == dict(zip(names, text if isinstance(text, tuple) else (text,)))
        assert set(row["outputs"]) == set(own)
        for name, value in own.items():
            assert_equal(row["outputs"][name], value)


def assert_equal(found, own):
    """Compares a value of JSON with one of Python's, numbers but for rounding."""
    if isinstance(own, list):
        assert len(found) == len(own)
        for pair in zip(found, own):
            assert_equal(*pair)
    elif isinstance(own, float) and math.isfinite(own):
        assert found == pytest.approx(own, rel=1e-4, abs=1e-5)
    elif isinstance(own, float):
        assert found is None
    else:
        assert found == (own.decode() if isinstance(own, bytes) else own)


@pytest.mark.parametrize("name", declaration("language_modeling").predictions)
def test_every_prediction_of_a_language_model_is_as_in_python(place, run, capsys, name):
    settings = {"next_token": {"k": 3}, "generate": {"max_new_tokens": 4, "temperature": 0.0}}
    settings = settings.get(name, {})
    flags = [f"--{key}={value}" for key, value in settings.items()]
    prediction = run.task.predictions[name]
    (text,) = (each.name for each in prediction.texts)
    command = [name, f"--workdir={place}/run", *flags, "--batch_size=3"]
    found = predicted(capsys, *command, f"--input={place}/texts.txt")
    check(found, run.predict(name, TEXTS, **settings), prediction, [text], TEXTS)
    objects = predicted(capsys, *command, f"--input={place}/texts.jsonl", "--format=jsonl")
    assert objects == found
    given = [f"--{text}={each}" for each in TEXTS]
    assert predicted(capsys, *command, *given) == found


@pytest.mark.parametrize("name", declaration("translation").predictions)
def test_every_prediction_of_a_translation_model_is_as_in_python(
    translation_run, tmp_path, capsys, name
):
    run = lm_zoo.load(translation_run.run)
    pairs = run.records("test")[:5]
    prediction = run.task.predictions[name]
    names = [each.name for each in prediction.texts]
    texts = [tuple(pair[: len(names)]) for pair in pairs]
    (tmp_path / "texts").write_text("".join("\t".join(row) + "\n" for row in texts))
    settings = {"num_beams": 2, "num_return_sequences": 2} if name == "translate" else {}
    flags = [f"--{key}={value}" for key, value in settings.items()]
    command = [name, f"--workdir={translation_run.run}", *flags, "--batch_size=2"]
    found = predicted(capsys, *command, f"--input={tmp_path}/texts")
    check(found, run.predict(name, *zip(*texts), **settings), prediction, names, texts)


def test_equal_texts_get_the_answers_of_one_call_whatever_the_batches_are(place, run, capsys):
    settings = {"max_new_tokens": 8, "seed": 3, "num_return_sequences": 2}
    flags = [f"--{key}={value}" for key, value in settings.items()]
    command = ["generate", f"--workdir={place}/run", *flags, f"--input={place}/texts.txt"]
    outputs = run.predict("generate", TEXTS, **settings)
    found = predicted(capsys, *command, "--batch_size=1")
    check(found, outputs, run.task.predictions["generate"], ["prompt"], TEXTS)
    assert found[0]["outputs"]["text"] != found[3]["outputs"]["text"]


def test_a_process_reads_standard_input_and_answers_batch_by_batch(place):
    command = ["predict", "score", f"--workdir={place}/run", "--batch_size=2"]
    done = process(
        *command, input="\n".join([*TEXTS, "\udc80".join("ab")]), errors="surrogateescape"
    )
    assert done.returncode == 2 and done.stdout == "" and "UTF-8" in done.stderr
    done = process(*command, input="\n".join(TEXTS))
    assert (done.returncode, done.stderr) == (0, "")
    titles = [line for line in done.stdout.splitlines() if line.startswith("---")]
    assert titles == [f"--- {number} of 4: {text}" for number, text in enumerate(TEXTS, 1)]
    assert done.stdout.count("log_prob") == done.stdout.count("num_tokens  ") == 4


def test_answers_are_written_before_a_later_batch_fails(place, capsys, monkeypatch):
    real = lm_zoo.runs.run.Run.predict

    def predict(self, name, texts, **values):
        if "" in texts:
            raise lm_zoo.UserError("text: expected some, received ''.")
        return real(self, name, texts, **values)

    monkeypatch.setattr(lm_zoo.runs.run.Run, "predict", predict)
    texts = [f"--text={text}" for text in ("a", "b", "", "c")]
    command = ["predict", "score", f"--workdir={place}/run", "--batch_size=2", "--json", *texts]
    assert main(command) == 2
    output, errors = capsys.readouterr()
    assert [json.loads(line)["inputs"]["text"] for line in output.splitlines()] == ["a", "b"]
    assert errors == "lm-zoo predict: error: texts 3 to 4: text: expected some, received ''.\n"


def test_vectors_and_lists_can_be_read(place, capsys):
    command = ["predict", "embed", f"--workdir={place}/run", "--text=ab"]
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[0] == "vector"
    command = ["predict", "next_token", f"--workdir={place}/run", "--text=ab", "--k=2"]
    assert main(command) == 0
    title, heads, *rows = capsys.readouterr().out.splitlines()
    assert (title, heads.split(), len(rows)) == ("--- 1 of 1: ab", ["tokens", "log_probs"], 2)


def test_help_lists_predictions_and_their_inputs(place, translation_run, capsys):
    assert main(["predict", "--help"]) == 0
    shown = capsys.readouterr().out
    for task in TASKS:
        assert f"predictions of {task}:" in shown
        for name in declaration(task).predictions:
            assert f"\n  {name} " in shown
    assert main(["predict", f"--workdir={translation_run.run}", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "predictions of translation:" in shown and "language_modeling" not in shown
    assert "--source, --text, --special_tokens, --batch_size" in " ".join(shown.split())
    assert "For translate: Beams; 1 is greedy." in " ".join(shown.split())
    assert main(["predict", "next_token", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--k=N" in shown and "--num_beams" not in shown


@pytest.mark.parametrize("task", TASKS)
def test_no_input_is_named_as_a_flag_that_the_command_has(task):
    own = {"workdir", "checkpoint", "input", "format", "strategy", "devices", "logical_cpus"}
    own |= {"json", "register", "config", "help", "output", "field"}
    for prediction in declaration(task).predictions.values():
        assert not own & {each.name for each in prediction.inputs}


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], ["expected the name of one prediction", "received nothing", "--help"]),
        (["score", "embed"], ["expected the name of one prediction", "'score embed'"]),
        (["translate"], ["the task language_modeling has no prediction 'translate'", "generate"]),
        (["scor"], ["the task language_modeling has no prediction 'scor'; it has score"]),
        (["score", "--k=3"], ["--k: it is an input of next_token", "score takes --text"]),
        (["score", "--q=3"], ["there is no flag --q"]),
        (["next_token", "--k=0"], ["--k: expected a whole number of at least 1, received '0'"]),
        (["next_token", "--k=x"], ["--k: expected a whole number of at least 1, received 'x'"]),
        (["generate", "--num_beams=2", "--top_k=3", "--prompt=a"], ["top_k: expected 0 with"]),
        (["generate", "--special_tokens=all"], ["--special_tokens: expected one of text, control"]),
        (["score", "--batch_size=0"], ["--batch_size: expected a whole number of at least 1"]),
        (["score", "--text=a", "--input=ROOT/texts.txt"], ["--input", "--text", "both"]),
        (["score", "--text=a", "--format=tsv"], ["--format", "--text", "both"]),
        (["score", "--input=ROOT/none"], ["input", "ROOT/none"]),
        (["score", "--input=ROOT/bad.jsonl", "--format=jsonl"], ["bad.jsonl, line 2", "'text'"]),
        (["score", "--input=ROOT/pairs.tsv", "--format=tsv"], ["pairs.tsv, line 1", "1 tabs"]),
        (["score", "--format=xml"], ["--format: expected one of lines, tsv, jsonl"]),
    ],
)
def test_mistakes_get_one_line_before_the_model_is_loaded(
    place, capsys, monkeypatch, arguments, words
):
    monkeypatch.setattr(lm_zoo.runs.run, "load", None)
    line = refused(capsys, place, "predict", "--workdir=ROOT/run", *arguments)
    for word in words:
        assert word.replace("ROOT", str(place)) in line


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["generate"], ["the task translation has no prediction 'generate'; it has translate,"]),
        (
            ["score", "--input=ROOT/texts.txt", "--format=lines"],
            ["tsv or jsonl", "source and text"],
        ),
        (["score", "--input=ROOT/bad.tsv"], ["bad.tsv, line 2: expected source, a tab and text"]),
        (["score", "--source=a", "--text=a", "--text=b"], ["text: expected one for each source"]),
        (["score", "--source=a"], ["text: expected one for each source", "received 0"]),
        (["translate", "--num_return_sequences=5", "--text=a"], ["at most num_beams (4)"]),
    ],
)
def test_mistakes_about_two_texts_get_one_line(
    place, translation_run, capsys, monkeypatch, arguments, words
):
    monkeypatch.setattr(lm_zoo.runs.run, "load", None)
    line = refused(capsys, place, "predict", f"--workdir={translation_run.run}", *arguments)
    for word in words:
        assert word in line
