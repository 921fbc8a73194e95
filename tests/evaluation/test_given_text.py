"""Perplexity of a text that is given, beside that of the run's own split with the same text."""

import dataclasses
import json
import math
import shutil

import numpy as np
import pytest

import lm_zoo
from lm_zoo.cli.main import main
from lm_zoo.config import (
    CorpusConfig,
    DataConfig,
    ExperimentConfig,
    ModelConfig,
    TaskConfig,
    TrainingConfig,
)
from lm_zoo.errors import UserError

TEXT = "the cat sat on the mat\nthe dog sat on a cat\n" * 30
HELD_OUT = "a cat sat on the dog\nthe mat\n" * 5


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with texts, and a run that was trained on one and can be tested on another."""
    folder = tmp_path_factory.mktemp("given")
    for name, text in (("train", TEXT), ("held", HELD_OUT)):
        (folder / f"{name}.txt").write_text(text)
    config = ExperimentConfig(
        task=TaskConfig("language_modeling", sequence_length=16, sample_length=0),
        corpus=CorpusConfig(
            "text_files",
            data_dir=str(folder),
            train_files=("train.txt",),
            test_files=("held.txt",),
        ),
        data=DataConfig(batch_size=4, cache_dir=str(folder / "cache")),
        model=ModelConfig("gru_lm", hidden_dim=8, num_layers=1),
        training=TrainingConfig(steps=3),
    )
    lm_zoo.train(config, folder / "run")
    return folder


def test_a_text_has_the_figure_that_it_has_as_the_runs_split(place):
    run = lm_zoo.load(place / "run")
    own, given = run.evaluate("test"), run.evaluate_text(place / "held.txt")
    same = {"corpus": given.corpus, "split": "held.txt"}
    assert dataclasses.replace(own, **same) == given and given.tokens_scored > 50
    ids = np.array([run.tokenizer.encode(HELD_OUT)])
    logits = np.asarray(run.model(ids[:, :-1]), np.float64)[0]
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    nats = -log_probs[np.arange(len(logits)), ids[0, 1:]].sum()
    assert math.isclose(nats, given.nll_nats, rel_tol=1e-5)
    lines = run.evaluate_text([place / "held.txt"], documents="line", batch_size=2)
    assert lines.tokens_scored != given.tokens_scored


def test_the_command_measures_files_and_compares_them(place, capsys):
    workdir = f"--workdir={place / 'run'}"
    assert main(["evaluate", workdir, f"--input={place / 'held.txt'}", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["split"] == "held.txt" and values["corpus"] == "given_text"
    kept = place / "run" / "results" / "evaluation-held.txt.json"
    assert json.loads(kept.read_text())["nll_nats"] == values["nll_nats"]
    other = shutil.copytree(place / "run", place / "other")
    assert main(["compare", workdir[10:], str(other), "--split=held.txt"]) == 0
    assert capsys.readouterr().out.count(" 1.000\n") == 2


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--input=nowhere.txt"], "input: there is no file"),
        (["--input=ROOT/held.txt", "--documents=page"], "documents: expected one of .*'page'"),
    ],
)
def test_what_cannot_be_measured_is_one_line(arguments, message, place, capsys):
    arguments = [each.replace("ROOT", str(place)) for each in arguments]
    assert main(["evaluate", f"--workdir={place / 'run'}", *arguments]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    with pytest.raises(UserError, match=message):
        raise UserError(line)


def test_scores_end_with_what_all_texts_come_to(place, capsys):
    texts = ["the cat sat", "a dog", "the mat sat on a dog"]
    (place / "lines.txt").write_text("\n".join(texts) + "\n")
    command = ["score", f"--workdir={place / 'run'}", f"--input={place / 'lines.txt'}"]
    assert main(command) == 0
    *_, last = capsys.readouterr().out.splitlines()
    scores = lm_zoo.load(place / "run").score(texts)
    nats, tokens = -sum(s.log_prob for s in scores), sum(s.num_tokens for s in scores)
    found, count, per_token, per_byte, *label = last.split()
    assert (float(found), int(count)) == (pytest.approx(-nats, abs=1e-3), tokens)
    assert float(per_token) == pytest.approx(math.exp(nats / tokens), abs=1e-3)
    assert float(per_byte) == pytest.approx(nats / math.log(2) / len("".join(texts)), abs=1e-3)
    assert " ".join(label) == "(all 3 texts)"
    (place / "lines.txt").write_text("alone\n")
    assert main(command) == 0 and "all" not in capsys.readouterr().out.split("alone")[1]


def test_what_python_gives_is_printed_for_people(place):
    run = lm_zoo.load(place / "run")
    ledger = run.evaluate_text(place / "held.txt")
    assert str(ledger) == ledger.table() and "perplexity per token" in f"{ledger}"
    (generated,) = run.generate("the cat", max_new_tokens=3, seed=1)
    assert str(generated) == "the cat" + generated.text
    ids, (first, second) = run.tokenizer("the cat"), run.tokenizer(["the cat", "a"])
    np.testing.assert_array_equal(ids, run.tokenizer.encode("the cat"))
    np.testing.assert_array_equal(ids, first)
    np.testing.assert_array_equal(second, run.tokenizer.encode("a"))


def test_a_run_of_documents_measures_each_file_by_itself(place):
    config = lm_zoo.load(place / "run").config
    changes = {
        "corpus": {"documents": "line"},
        "task": {"layout": "packed"},
        "training": {"steps": 1},
    }
    lm_zoo.train(config, place / "packed", **changes)
    run, held = lm_zoo.load(place / "packed"), place / "held.txt"
    for name, text in (("one", "the cat sat"), ("two", "a dog")):
        (place / f"{name}.txt").write_text(text)
    files = [place / "one.txt", place / "two.txt"]
    both, alone = run.evaluate_text(files), [run.evaluate_text(file) for file in files]
    assert both.context["within_documents"] and both.split == "one.txt"
    assert both.tokens_scored == sum(each.tokens_scored for each in alone) == 11 + 5 + 2  # ends
    assert math.isclose(both.nll_nats, sum(each.nll_nats for each in alone), rel_tol=1e-5)
    with pytest.raises(UserError, match="expected documents in held.txt"):
        run.evaluate_text(held, documents="stream")
