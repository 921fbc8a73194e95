"""`lm-zoo translate`: files, pipes and a terminal in, lines in their order out."""

import io
import json
import os
import sys
import threading
from types import SimpleNamespace

import pytest

import lm_zoo.runs.run
from lm_zoo import config as config_lib
from lm_zoo.cli.lines import InputLines
from lm_zoo.cli.main import main
from lm_zoo.config import config_json
from lm_zoo.generation import TranslationOptions, translate
from tests.generation.pair_models import LineTokenizer, decided_model

LINES = ["abc", "", "eecab", "b", "cab", "aaaaa", "ee"]


@pytest.fixture(scope="module")
def a_run():
    tokenizer = LineTokenizer()
    return SimpleNamespace(
        model=decided_model("encoder_decoder", source_length=6),
        tokenizer=tokenizer,
        source_tokenizer=tokenizer,
        distribution=SimpleNamespace(devices=()),
    )


def workdir_of(task, root):
    """Returns a flag that names the beginning of a run's folder: all that is read before `load`."""
    config = config_lib.ExperimentConfig(task=config_lib.TaskConfig(task))
    (root / task / "checkpoints" / "step-00000001").mkdir(parents=True)
    (root / task / "config.json").write_text(config_json.dumps(config))
    return f"--workdir={root / task}"


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    return workdir_of("translation", tmp_path_factory.mktemp("runs"))


@pytest.fixture
def command(a_run, monkeypatch, capsys, workdir):
    """Returns a function that translates with `a_run`: arguments to `(status, output, errors)`."""
    monkeypatch.setattr(lm_zoo.runs.run, "load", lambda *arguments: a_run)

    def call(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = main(["translate", workdir, *map(str, arguments)])
        return status, *capsys.readouterr()

    return call


def expected(a_run, lines=LINES, **options):
    tokenizer = a_run.tokenizer
    return translate(a_run.model, tokenizer, tokenizer, lines, TranslationOptions(**options))


def test_a_pipe_is_translated_line_by_line(command, a_run):
    status, output, errors = command("--batch_size=2", stdin="\n".join(LINES).encode())
    assert status == 0
    assert output.split("\n") == [best.text for best, *_ in expected(a_run)] + [""]
    assert errors.startswith("lm-zoo translate: 7 lines in ") and errors.count("\n") == 1


def test_files_are_translated_into_a_file(command, a_run, tmp_path):
    first, second, target = tmp_path / "first", tmp_path / "second", tmp_path / "target"
    first.write_bytes("\ufeff".encode() + "\r\n".join(LINES[:3]).encode() + b"\r\n")
    second.write_text("\n".join(LINES[3:]))
    target.write_text("what was there")
    status, output, errors = command(
        f"--input={first}", f"--input={second}", f"--output={target}", "--num_beams=1"
    )
    assert (status, output) == (0, "")
    found = target.read_text().split("\n")
    assert found == [best.text for best, *_ in expected(a_run, num_beams=1)] + [""]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second", "target"]
    assert "7 lines" in errors


def test_several_translations_come_with_their_scores(command, a_run):
    arguments = ("--num_return_sequences=3", "--coverage_penalty=0.2", "--length_penalty=0.6")
    options = dict(num_return_sequences=3, coverage_penalty=0.2, length_penalty=0.6)
    whole = [
        (line, one) for line, found in enumerate(expected(a_run, **options), 1) for one in found
    ]
    text = "\n".join(LINES).encode()
    _, output, _ = command(*arguments, "--format=jsonl", stdin=text)
    objects = [json.loads(line) for line in output.splitlines()]
    for values, (line, one) in zip(objects, whole, strict=True):
        assert (values["line"], values["rank"], values["text"]) == (line, one.rank, one.text)
        assert values["source"] == one.source and values["finished_by"] == one.finished_by
        assert values["score"] == pytest.approx(one.score, abs=1e-5)
        assert values["log_prob"] == pytest.approx(one.log_prob, abs=1e-5)
    _, output, _ = command(*arguments, "--format=tsv", stdin=text)
    for row, (line, one) in zip(output.splitlines(), whole, strict=True):
        number, rank, score, log_prob, its_text = row.split("\t")
        assert (int(number), int(rank), its_text) == (line, one.rank, one.text)
        assert float(score) == pytest.approx(one.score, abs=1e-5)
        assert float(log_prob) == pytest.approx(one.log_prob, abs=1e-5)


def test_sources_that_are_too_long_are_cut_if_asked_for_and_counted(command):
    status, output, errors = command("--too_long=truncate", stdin=b"abcab\nabcabe\nabcabaaa\n")
    assert status == 0
    lines = output.splitlines()
    assert len(lines) == 3 and lines[0] == lines[1] == lines[2]
    assert "2 too long, of which 6 tokens were read" in errors


def test_a_terminal_is_asked_and_answered(command, a_run, monkeypatch, capsys, workdir):
    lines = iter(["abc", "abcabcabc", "\udcff", "ee"])

    def typed(prompt):
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", typed)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    assert main(["translate", workdir, "--num_return_sequences=2"]) == 0
    output, errors = capsys.readouterr()
    found = [line.split() for line in output.splitlines() if line]
    whole = [
        one for of_line in expected(a_run, ["abc", "ee"], num_return_sequences=2) for one in of_line
    ]
    assert [text for _, *text in found] == [one.text.split() for one in whole]
    assert [float(score) for score, *_ in found] == pytest.approx(
        [one.score for one in whole], abs=1e-3
    )
    assert "at most 6 tokens" in errors and "valid Unicode" in errors
    assert errors.count("\n") == 2


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--num_beams=0"], ["num_beams", "at least 1", "0"]),
        (["--num_return_sequences=5"], ["num_return_sequences", "at most num_beams (4)", "5"]),
        (["--num_return_sequences=2"], ["--format", "tsv or jsonl"]),
        (["--length_penalty=nan"], ["length_penalty", "finite", "nan"]),
        (["--coverage_penalty=-1"], ["coverage_penalty", "at least 0"]),
        (["--batch_size=0"], ["batch_size", "at least 1"]),
        (["--too_long=drop"], ["--too_long", "error, truncate", "'drop'"]),
        (["--format=xml"], ["--format", "text, tsv, jsonl"]),
        (["--input=FOLDER/missing"], ["--input", "there is no file", "missing"]),
        (["--input=FOLDER"], ["--input", "directory"]),
        (["--input=FOLDER/latin"], ["FOLDER/latin, line 2", "UTF-8", "0xe9", "byte 4"]),
        (["--input=FOLDER/good", "--input=FOLDER/long"], ["FOLDER/long, line 2", "6", "9"]),
        (["--input=FOLDER/good", "--output=FOLDER/no/target"], ["FOLDER/no/target", "create"]),
        (["--input=FOLDER/good", "--output=FOLDER"], ["FOLDER", "a folder has that name"]),
        (["good"], ["unexpected argument 'good'", "--input"]),
    ],
)
def test_mistakes_get_one_line_and_leave_nothing(command, tmp_path, arguments, words):
    (tmp_path / "good").write_text("abc\nab\n")
    (tmp_path / "latin").write_bytes(b"abc\nabc\xe9\n")
    (tmp_path / "long").write_text("abc\nabcabcab\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    if not any(argument.startswith("--output") for argument in arguments):
        arguments = [*arguments, "--output=FOLDER/target"]
    status, output, errors = command(*(a.replace("FOLDER", str(tmp_path)) for a in arguments))
    assert (status, output) == (2, "") and errors.count("\n") == 1
    for word in words:
        assert word.replace("FOLDER", str(tmp_path)) in errors
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_bad_bytes_in_a_pipe_are_named(command):
    status, output, errors = command(stdin=b"abc\n\xff\n")
    assert status == 2 and errors.count("\n") == 1
    assert "standard input, line 2" in errors and "0xff" in errors


@pytest.mark.parametrize(
    "name, task, has",
    [
        ("translate", "language_modeling", "score, token_logprobs, next_token, generate, embed"),
        ("generate", "translation", "translate, score, token_logprobs, embed"),
    ],
)
def test_a_run_whose_task_has_no_such_prediction_is_refused(
    monkeypatch, capsys, tmp_path, name, task, has
):
    monkeypatch.setattr(lm_zoo.runs.run, "load", None)
    flag = {"translate": "--num_beams=2", "generate": "--prompt=abc"}[name]
    assert main([name, workdir_of(task, tmp_path), flag]) == 2
    line = f"workdir: the task {task} has no prediction {name!r}; it has {has}."
    assert capsys.readouterr() == ("", f"lm-zoo {name}: error: {line}\n")


def test_a_pipe_that_pauses_says_so(monkeypatch):
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stdin", os.fdopen(reading))
    lines = iter(InputLines(["-"]))
    os.write(writing, b"one\ntwo\nthr")
    assert [next(lines) for _ in range(3)] == ["one", "two", None]
    timer = threading.Timer(0.2, lambda: (os.write(writing, b"ee\nfour"), os.close(writing)))
    timer.start()
    assert [line for line in lines if line is not None] == ["three", "four"]
    timer.join()
    sys.stdin.close()
