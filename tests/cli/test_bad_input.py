"""Users' mistakes at the command line: one line, exit status 2, and nothing written."""

import hashlib
import json
import os
import shutil
import threading

import pytest

from lm_zoo import checkpoints
from lm_zoo.cli.main import main
from lm_zoo.files import input_files

CONFIG = """
from lm_zoo.config import *


def get_config():
    return ExperimentConfig(
        task=TaskConfig("language_modeling", layout="windows", sequence_length=16, sample_length=0),
        corpus=CorpusConfig("synthetic", tokens=2000),
        data=DataConfig(batch_size=4, cache_dir={cache!r}),
        model=ModelConfig(
            "transformer_decoder", hidden_dim=8, num_layers=1, num_heads=2, context_length=16
        ),
        training=TrainingConfig(steps=4, validation_interval=2),
    )
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a config, a finished run of it, and files of text."""
    root = tmp_path_factory.mktemp("place")
    (root / "config.py").write_text(CONFIG.format(cache=str(root / "cache")))
    assert main(["train", f"--config={root}/config.py", f"--workdir={root}/run"]) == 0
    assert main(["evaluate", f"--workdir={root}/run"]) == 0
    (root / "empty.txt").write_bytes(b"")
    (root / "latin.txt").write_bytes(b"caf\xe9 au lait")
    (root / "short.txt").write_text("too short")
    (root / "broken.jsonl").write_text('{"text": "abab"}\n{"txt": "abab"}\n')
    (root / "strange.py").write_text("def get_config():\n    return 3 / 0\n")
    return root


def snapshot(folder):
    return {
        path: path.stat().st_mtime_ns
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "cache" not in path.parts
    }


def refused(capsys, folder, *arguments):
    """Runs a command that must be refused; returns its one line."""
    before = snapshot(folder)
    capsys.readouterr()
    status = main([argument.replace("ROOT", str(folder)) for argument in arguments])
    output, errors = capsys.readouterr()
    assert status == 2, errors
    assert errors.count("\n") == 1 and "Traceback" not in errors
    assert snapshot(folder) == before
    return errors


TRAIN = ("train", "--config=ROOT/config.py", "--workdir=ROOT/new")
TEXT = (*TRAIN, "--config.corpus.name=text_files")
GENERATE = ("generate", "--workdir=ROOT/run")


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ((*TRAIN, "--config.model.name=transformer"), ["'transformer_decoder'"]),
        ((*TRAIN, "--config.model.size=small"), ["model.size", "gpt2_small"]),
        ((*TRAIN, "--config.model.hiden_dim=8"), ["'hidden_dim'"]),
        ((*TRAIN, "--config.model.hidden_dim=wide"), ["hidden_dim", "whole number", "'wide'"]),
        ((*TRAIN, "--config.model.num_heads=3"), ["num_heads", "divisor", "3"]),
        ((*TRAIN, "--config.data.batchsize=8"), ["config.data.batch_size"]),
        ((*TRAIN, "--config.data.batch_size=many"), ["data.batch_size", "whole number", "'many'"]),
        ((*TRAIN, "--config.data.batch_size=0"), ["data.batch_size", "at least 1", "0"]),
        ((*TRAIN, "--config.task.sequence_length=17"), ["sequence_length", "16", "17"]),
        ((*TRAIN, "--config.data.batch_size=1000"), ["1000", "16"]),
        ((*TRAIN, "--config.task.layout=contiguous"), ["task.layout", "'windows'"]),
        ((*TRAIN, "--config.tokenizer.name=words"), ["tokenizer.name", "'word'"]),
        ((*TRAIN, "--config.tokenizer.path=ROOT/nowhere"), ["nowhere"]),
        ((*TRAIN, "--config.task.sample_prompt=" + 20 * "a"), ["sample_prompt", "16", "20"]),
        ((*TEXT, "--config.corpus.train_files=ROOT/empty.txt"), ["empty.txt", "empty"]),
        ((*TEXT, "--config.corpus.train_files=ROOT/latin.txt"), ["latin.txt", "UTF-8", "offset 3"]),
        ((*TEXT, "--config.corpus.train_files=ROOT/short.txt"), ["train"]),
        ((*TEXT, "--config.corpus.train_files=ROOT/nowhere.txt"), ["nowhere.txt"]),
        (("train", "--config=quickstart", "--workdir=ROOT/new"), ["quickstart_"]),
        (("train", "--config=ROOT/strange.py", "--workdir=ROOT/new"), ["strange.py", "line 2"]),
        (("train", "--workdir=ROOT/new"), ["--config"]),
        (("train", "--config=ROOT/config.py"), ["--workdir"]),
        ((*TRAIN, "--profile_steps=9,3"), ["profile_steps", "9,3"]),
        (
            ("train", "--config=ROOT/config.py", "--workdir=ROOT/run", "--config.seed=4"),
            ["seed: 0"],
        ),
        (("train", "--config=ROOT/config.py", "--workdir=ROOT"), ["not empty"]),
        ((*GENERATE, "--temperature=-1"), ["temperature", "-1"]),
        ((*GENERATE, "--temperature=nan"), ["temperature", "nan"]),
        ((*GENERATE, "--top_p=1.5"), ["top_p", "1.5"]),
        ((*GENERATE, "--max_new_tokens=0"), ["max_new_tokens", "0"]),
        ((*GENERATE, "--prompt=" + 17 * "a"), ["17", "16"]),
        ((*GENERATE, "--checkpoint=3"), ["checkpoint", "3"]),
        ((*GENERATE, "--checkpoint=newest"), ["'latest'", "'newest'"]),
        (("generate", "--workdir=ROOT/nowhere"), ["nowhere"]),
        (("evaluate", "--workdir=ROOT/run", "--split=tests"), ["'test'"]),
        (("evaluate", "--workdir=ROOT/run", "--stride=17"), ["stride", "16", "17"]),
        (("evaluate", "--workdir=ROOT/run", "--sequence_length=99"), ["sequence_length", "16"]),
        (("evaluate", "--workdir=ROOT/run", "--context=carried"), ["'windows'"]),
        (("score", "--workdir=ROOT/run", "--input=ROOT/latin.txt"), ["latin.txt", "offset 3"]),
        (
            ("score", "--workdir=ROOT/run", "--input=ROOT/broken.jsonl", "--format=jsonl"),
            ["broken.jsonl", "line 2", "'text'"],
        ),
        (("compare", "ROOT/run"), ["two or more"]),
        (("compare", "ROOT/run", "ROOT/nowhere"), ["nowhere"]),
        (("compare", "ROOT/run", "ROOT/config.py"), ["config.py"]),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else "",
)
def test_one_line_says_what_was_wrong(place, capsys, arguments, expected):
    line = refused(capsys, place, *arguments)
    for part in expected:
        assert part in line


def test_text_that_differs_is_not_compared(place, capsys, tmp_path):
    ledger = json.loads((place / "run" / "results" / "evaluation-test.json").read_text())
    other = tmp_path / "other.json"
    other.write_text(json.dumps(ledger | {"text_sha256": "0" * 64}))
    line = refused(capsys, place, "compare", "ROOT/run", str(other))
    assert "text" in line


@pytest.fixture
def copied(place, tmp_path):
    """A copy of the run and of its token files that a test may damage."""
    shutil.copytree(place / "run", tmp_path / "run")
    return tmp_path


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [flip_a_byte, lambda p: p.write_bytes(p.read_bytes()[:-1])])
def test_a_damaged_checkpoint_is_refused(copied, capsys, damage):
    best = checkpoints.read_best(copied / "run" / "checkpoints").step
    folder = checkpoints.path_of(copied / "run" / "checkpoints", best)
    damage(next(folder.glob("tensors.data*")))
    line = refused(capsys, copied, *GENERATE)
    assert f"{best:08}" in line


def test_a_damaged_config_is_refused(copied, capsys):
    (copied / "run" / "config.json").write_text("{")
    assert "config.json" in refused(capsys, copied, *GENERATE)


def test_a_damaged_tokenizer_is_refused(copied, capsys):
    flip_a_byte(next((copied / "run" / "fields" / "text" / "tokenizer").iterdir()))
    assert "tokenizer" in refused(capsys, copied, *GENERATE)


@pytest.mark.parametrize("damage", [flip_a_byte, lambda p: p.write_bytes(p.read_bytes()[:-1])])
def test_a_damaged_token_shard_is_refused(place, capsys, tmp_path, damage):
    """The cache is not the run's: its folder is named, with what to do."""
    (tmp_path / "config.py").write_text(CONFIG.format(cache=str(tmp_path / "cache")))
    assert main(["train", f"--config={tmp_path}/config.py", f"--workdir={tmp_path}/run"]) == 0
    shard = max((tmp_path / "cache").rglob("*.bin"), key=lambda p: p.stat().st_size)
    damage(shard)
    line = refused(capsys, tmp_path, "evaluate", "--workdir=ROOT/run", "--split=train")
    assert shard.name in line and "delete" in line


def altered(path, change):
    """Changes the JSON of a checkpoint's manifest, or of token files, with right checksums."""
    values = json.loads(path.read_text())
    change(values)
    content = {"sort_keys": True, "separators": (",", ":")}
    held = values.get("content")
    if held is None:
        held, content = {k: v for k, v in values.items() if k != "sha256"}, {"sort_keys": True}
    values["sha256"] = hashlib.sha256(json.dumps(held, **content).encode()).hexdigest()
    path.write_text(json.dumps(values))


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda c: c.update(step="4"), "step: expected a whole number"),
        (lambda c: c.update(step=10**400), "too large"),
        (lambda c: c.update(files=[]), "files: expected an object"),
        (lambda c: c["files"].update({"../a": {"size": 0, "sha256": "0" * 64}}), "'../a'"),
        (lambda c: c["files"].update({"/etc/passwd": {}}), "/etc/passwd"),
        (lambda c: next(iter(c["files"].values())).update(size=None), "size: expected"),
        (lambda c: next(iter(c["tensors"].values())).update(dtype="word"), "dtype: expected"),
        (lambda c: next(iter(c["tensors"].values())).update(dtype="float16"), "cannot be used"),
        (lambda c: next(iter(c["tensors"].values())).update(shape=[-1]), "shape[0]: expected"),
        (lambda c: c["tensors"].popitem(), "disagree"),
        (lambda c: c.update(metadata=None), "metadata: expected an object"),
        (lambda c: c.update(format=3), "expected format 2"),
    ],
)
def test_an_altered_manifest_of_a_checkpoint_is_refused(copied, capsys, change, expected):
    for path in (copied / "run" / "checkpoints").glob("step-*/manifest.json"):
        altered(path, lambda values: change(values["content"]))
    assert expected in refused(capsys, copied, *GENERATE)


@pytest.mark.parametrize("key", ["plateau", "finished"])
def test_what_a_trainer_goes_on_with_is_checked(place, copied, capsys, key):
    for path in (copied / "run" / "checkpoints").glob("step-*/manifest.json"):
        altered(path, lambda values: values["content"]["metadata"].update({key: [1]}))
    config = f"--config={place}/config.py"
    capsys.readouterr()
    assert main(["train", config, f"--workdir={copied}/run"]) == 2
    errors = capsys.readouterr().err
    assert "Traceback" not in errors and f"metadata.{key}: expected" in errors


@pytest.mark.parametrize(
    "text",
    ['{"step": 1e400, "value": 1}', '{"step": 4, "value": NaN}', '{"step": 4.0, "value": 1}', "[]"]
    + ['{"step": -1, "value": 1}', "[" * 100_000, '{"step": 4, "step": 2, "value": 1}', ""],
)
def test_an_altered_note_of_the_best_checkpoint_is_refused(copied, capsys, text):
    (copied / "run" / "checkpoints" / "best.json").write_text(text)
    line = refused(capsys, copied, *GENERATE)
    assert "best.json" in line and "remove the file to use the latest" in line


@pytest.mark.parametrize("token", [9, 300, 65535])
def test_a_held_out_token_outside_the_vocabulary_is_refused(copied, capsys, token):
    folder = copied / "run" / "fields" / "text" / "held_out"
    shard = folder / "test-00000.bin"
    data = bytearray(shard.read_bytes())
    data[20:22] = token.to_bytes(2, "little")
    shard.write_bytes(data)

    def change(values):
        values["splits"]["test"]["shards"][0]["sha256"] = hashlib.sha256(data).hexdigest()

    altered(folder / "manifest.json", change)
    line = refused(capsys, copied, "evaluate", "--workdir=ROOT/run")
    assert f"token 10 of the test split is {token}" in line and "from 0 to 8" in line


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda m: m["splits"]["test"]["shards"][0].update(name="../../x"), "the name of a file"),
        (lambda m: m["splits"]["test"]["shards"][0].update(num_tokens=0), "from 1 on"),
        (lambda m: m["splits"].pop("test"), "has no test split"),
        (lambda m: m.update(dtype="float64"), "dtype: expected uint16 or int32"),
        (lambda m: m.update(tokenizer=None), "tokenizer: expected an object"),
    ],
)
def test_altered_token_files_are_refused(copied, capsys, change, expected):
    altered(copied / "run" / "fields/text/held_out/manifest.json", change)
    assert expected in refused(capsys, copied, "evaluate", "--workdir=ROOT/run")


@pytest.mark.parametrize(
    "name",
    ["config.json", "data.json", "fields/text/tokenizer/lm_zoo_tokenizer.json"]
    + [
        "checkpoints/best.json",
        "fields/text/held_out/manifest.json",
        "fields/text/held_out/test-00000.bin",
        "checkpoints/step-00000004/manifest.json",
    ]
    + ["checkpoints/step-00000004/tensors.index"],
)
def test_a_pipe_in_the_place_of_a_file_does_not_wait(copied, capsys, name):
    path = copied / "run" / name
    path.unlink()
    os.mkfifo(path)
    capsys.readouterr()
    assert main(["evaluate", f"--workdir={copied}/run"]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and "Traceback" not in errors


def test_json_that_is_nested_without_end_is_refused(copied, capsys):
    for name in ("config.json", "fields/text/tokenizer/lm_zoo_tokenizer.json", "data.json"):
        path = copied / "run" / name
        before = path.read_text()
        path.write_text('{"a":' * 100_000)
        line = refused(capsys, copied, "evaluate", "--workdir=ROOT/run")
        assert path.name in line and "nested more than 100 deep" in line
        path.write_text(before)


def test_an_input_without_a_writer_and_one_with(place, capsys, monkeypatch):
    monkeypatch.setattr(input_files, "PATIENCE", 0.2)
    os.mkfifo(place / "pipe")
    score = ("score", "--workdir=ROOT/run", "--input=ROOT/pipe", "--json")
    assert "in 0.2 seconds no program" in refused(capsys, place, *score)
    assert "is a device" in refused(capsys, place, *score[:2], "--input=/dev/zero")
    writer = threading.Thread(target=(place / "pipe").write_text, args=("abab\n",))
    writer.start()
    assert main([argument.replace("ROOT", str(place)) for argument in score]) == 0
    writer.join()
    (place / "pipe").unlink()
    assert json.loads(capsys.readouterr().out)["text"] == "abab"


def test_blank_lines_of_jsonl_are_passed_over(place, capsys, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('\n{"text": "ab"}\n   \n{"text": "abab"}\n\n')
    score = ["score", f"--workdir={place}/run", f"--input={path}", "--format=jsonl", "--json"]
    assert main(score) == 0
    texts = [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()]
    assert texts == ["ab", "abab"]
    path.write_text('\n{"text": "ab"}\n\n{"text": 1}\n')
    line = refused(capsys, place, *score)
    assert "a.jsonl, line 4" in line


def test_a_cache_that_cannot_be_named_or_is_led_to_by_another_user(place, capsys, tmp_path):
    def cache(path):
        return refused(capsys, place, *TRAIN, f"--config.data.cache_dir={path}")

    assert "data.cache_dir" in (line := cache(tmp_path / ("x" * 300))) and "too long" in line
    (tmp_path / "loop").symlink_to("loop")
    assert "data.cache_dir" in cache(tmp_path / "loop" / "cache")
    (tmp_path / "theirs").symlink_to(tmp_path)
    if os.geteuid() == 0:  # nobody else can give a link away
        os.lchown(tmp_path / "theirs", 65534, -1)
        line = cache(tmp_path / "theirs" / "cache")
        assert "symbolic link of another user (uid 65534)" in line
