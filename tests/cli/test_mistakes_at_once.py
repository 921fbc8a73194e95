"""What can be found to be wrong without TensorFlow and text is said before either is loaded."""

import json
import subprocess
import sys

from lm_zoo.config import (
    CorpusConfig,
    ExperimentConfig,
    ModelConfig,
    TaskConfig,
    config_json,
)

RUN = "--workdir=ROOT/run"
TRAIN = ["train", "--config=quickstart_lstm"]
# A command, and what is said of its mistake.
MISTAKES = [
    ([*TRAIN, "--workdir=ROOT/file"], "workdir: ROOT/file is a file; expected a folder."),
    ([*TRAIN, "--workdir=ROOT"], "workdir: ROOT is not empty and is not a run"),
    ([*TRAIN, RUN], "workdir: ROOT/run holds a run with another config"),
    (
        [*TRAIN, "--workdir=ROOT/new", "--config.corpus.name=text_files"]
        + ["--config.corpus.train_files=ROOT/nothere.txt"],
        "corpus.train_files: there is no file 'ROOT/nothere.txt'",
    ),
    (
        [*TRAIN, "--workdir=ROOT/new", "--config.model.hiden_dim=9"],
        "config.model.hiden_dim: unknown name 'hiden_dim'. Did you mean 'hidden_dim'?",
    ),
    (["inspect", "--config=quickstart_lstm", "--split=tset"], "--split: unknown name 'tset'"),
    (["inspect", "--workdir=ROOT/nothere"], "workdir: ROOT/nothere does not exist"),
    (["evaluate", "--workdir=ROOT/nothere"], "workdir: ROOT/nothere does not exist"),
    (["evaluate", RUN, "--split=tset"], "--split: unknown name 'tset'. Did you mean 'test'?"),
    (["evaluate", RUN, "--checkpoint=bst"], "checkpoint: expected 'best', 'latest', a step"),
    (["evaluate", "--workdir=ROOT/pairs", "--sources=ROOT/file"], "--sources and --references"),
    (["generate", RUN, "--temperature=-1"], "--temperature: expected a finite number of at least 0"),
    (["generate", RUN, "--num_beams=2", "--temperature=3"], "temperature: expected 0 or 1 with num"),
    (["generate", RUN, "--checkpoint=7"], "checkpoint: no step 7 in ROOT/run/checkpoints"),
    (["translate", RUN, "--input=ROOT/file"], "language_modeling has no prediction 'translate'"),
    (["translate", "--workdir=ROOT/pairs", "--input=ROOT/no"], "--input: there is no file 'ROOT/no'"),
    (["score", RUN, "--input=ROOT/no"], "input: there is no file 'ROOT/no'"),
    (["predict", "nxt_token", RUN, "--text=a"], "unknown name 'nxt_token'. Did you mean 'next_token'"),
    (["predict", "next_token", RUN, "--text=a", "--k=0"], "--k: expected a whole number of at least 1"),
    (["export", "--workdir=ROOT/no", "--output=ROOT/out"], "workdir: ROOT/no does not exist"),
    (["export", RUN, "--output=ROOT/file"], "output: ROOT/file is a file; expected a folder."),
    (["export", RUN, "--output=ROOT/out", "--signatures=scor"], "has no 'scor'. Did you mean 'score'?"),
    (["export", RUN, "--output=ROOT/out", "--name=a/b"], "name: expected letters, digits"),
    (["export", "--workdir=ROOT/pairs", "--output=ROOT/out", "--format=onnx"], "'onnx' is for the"),
    (["import", "--from=ROOT/nothere", "--workdir=ROOT/new"], "--from: expected a folder"),
    (["import", "--from=ROOT/run", RUN], "workdir: ROOT/run already holds a run"),
    (["import", "--from=ROOT/run", "--workdir=ROOT/new", "--format=onnx"], "--format: expected one of"),
    (["serve", "--model=ROOT/nothere"], "model: ROOT/nothere is not a folder"),
    (["serve", "--model=ROOT/run"], "model: ROOT/run has no exported model"),
]  # fmt: skip
PROGRAM = """
import contextlib, io, json, sys
from lm_zoo.cli.main import main

def tried(arguments):
    with contextlib.redirect_stderr(io.StringIO()) as said:
        return main(arguments), said.getvalue()

answers = [tried(arguments) for arguments in json.load(sys.stdin)]
loaded = [name for name in ("tensorflow", "keras") if name in sys.modules]
print(json.dumps([answers, loaded]))
"""


def test_they_need_no_tensorflow(tmp_path):
    pairs = {
        "task": TaskConfig("translation"),
        "corpus": CorpusConfig("synthetic_translation"),
        "model": ModelConfig("encoder_decoder"),
    }
    for name, sections in (("run", {}), ("pairs", pairs)):
        (tmp_path / name / "checkpoints" / "step-00000020").mkdir(parents=True)
        config = config_json.dumps(ExperimentConfig(**sections))
        (tmp_path / name / "config.json").write_text(config)
        record = {"corpus": "some", "source": "somewhere", "fields": {}}
        (tmp_path / name / "data.json").write_text(json.dumps(record))
    (tmp_path / "file").write_text("A text.\n")
    asked = [[a.replace("ROOT", str(tmp_path)) for a in arguments] for arguments, _ in MISTAKES]
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answers, loaded = json.loads(done.stdout)
    for (arguments, expected), (status, said) in zip(MISTAKES, answers, strict=True):
        assert status == 2 and said.count("\n") == 1, (arguments, said)
        assert expected in said.replace(str(tmp_path), "ROOT"), arguments
    assert loaded == []
