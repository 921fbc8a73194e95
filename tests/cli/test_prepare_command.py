"""`lm-zoo prepare`: what training would do to the text, done beforehand, and told."""

import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import time

import pytest

import lm_zoo
from lm_zoo.cli.main import main
from lm_zoo.runs.run_folder import RunFolder
from tests.data.small_corpora import random_documents

ROOT = pathlib.Path(__file__).resolve().parents[2]

CONFIG = """
from lm_zoo.config import *


def get_config():
    return ExperimentConfig(
        task=TaskConfig("language_modeling", layout="packed", sequence_length=32, sample_length=0),
        corpus=CorpusConfig(
            "text_files",
            train_files=({text!r},),
            documents="line",
            validation_fraction=0.1,
            test_fraction=0.1,
        ),
        data=DataConfig(batch_size=4, cache_dir={cache!r}),
        tokenizer=TokenizerConfig("bpe", vocab_size=300),
        model=ModelConfig("gru_lm", hidden_dim=8, num_layers=1),
        training=TrainingConfig(steps=4),
    )
"""


@pytest.fixture
def place(tmp_path):
    """A folder with a text of one document a line, and a config of it."""
    documents = [" ".join(text.split()) for text in random_documents(200, seed=0)]
    (tmp_path / "text.txt").write_text("".join(text + "\n" for text in documents))
    write_config(tmp_path)
    return tmp_path


def write_config(folder):
    values = {"text": str(folder / "text.txt"), "cache": str(folder / "cache")}
    (folder / "config.py").write_text(CONFIG.format(**values))


def files(folder):
    return {p: p.stat().st_mtime_ns for p in sorted(folder.rglob("*")) if p.is_file()}


def peak_memory(pid):
    """The most memory that a process has had, in bytes, as long as it runs.

    Not `getrusage`, which counts the memory of the process that it was forked from.
    """
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def takes_ctrl_c():
    """A shell's background jobs, the tests maybe among them, ignore Ctrl-C, and so do theirs."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def process(*arguments, **options):
    """Starts the command in a process of its own, and in a session of its own."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    options.setdefault("preexec_fn", takes_ctrl_c)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "lm_zoo", *arguments]
    return subprocess.Popen(command, env=environment, cwd="/", start_new_session=True, **options)


def test_it_says_what_the_text_has_become(place, capsys):
    assert main(["prepare", f"--config={place}/config.py", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    field = values["fields"]["text"]
    documents = (place / "text.txt").read_text().splitlines()
    parts = {"train": documents[:160], "validation": documents[160:180], "test": documents[180:]}
    for name, part in parts.items():
        text, split = "".join(line + "\n" for line in part), field["splits"][name]
        assert split["documents"] == len(part)
        assert split["characters"] == len(text)
        assert split["words"] == len(text.split()) + len(part)
        assert split["bytes"] == len(text.encode())
        assert split["bytes_per_token"] == split["bytes"] / split["tokens"]
    assert values["peak_memory_bytes"]["this_process"] > 1e6
    assert main(["prepare", f"--config={place}/config.py"]) == 0
    shown = capsys.readouterr().out
    assert f"{field['splits']['train']['tokens']:,}" in shown and field["directory"] in shown
    assert "was there already" in shown
    assert shown == f"{lm_zoo.prepare(place / 'config.py')}\n"


def test_training_finds_what_was_prepared(place, capsys):
    assert main(["prepare", f"--config={place}/config.py"]) == 0
    before = files(place / "cache")
    assert main(["train", f"--config={place}/config.py", f"--workdir={place}/run"]) == 0
    assert files(place / "cache") == before
    run = lm_zoo.load(place / "run")
    (prepared,) = (place / "cache").glob("text_files-*")
    manifest = json.loads((prepared / "manifest.json").read_text())
    held_out = json.loads((place / "run" / "fields/text/held_out/manifest.json").read_text())
    assert held_out["splits"] == {n: manifest["splits"][n] for n in ("validation", "test")}
    assert run.tokenizer.eos_in_text and run.tokenizer.start_ids.tolist() == [run.tokenizer.eos_id]
    assert run.evaluate("test").tokens_scored == manifest["splits"]["test"]["tokens"] - 1
    assert run.evaluate("train").tokens_scored == manifest["splits"]["train"]["tokens"] - 1


def test_a_run_goes_on_wherever_its_text_lies(place, capsys):
    """The folders of text and cache are no part of what is learned; the text itself is."""
    config = ["--config", f"{place}/config.py", "--config.corpus.train_files="]
    config += ["--config.corpus.train_files=text.txt"]
    (place / "moved").mkdir()
    (place / "moved" / "text.txt").write_bytes((place / "text.txt").read_bytes())
    train = ["train", *config, f"--workdir={place}/run"]
    assert main([*train, f"--data_dir={place}"]) == 0
    assert main([*train, f"--data_dir={place}/moved", f"--config.data.cache_dir={place}/2"]) == 0
    with open(place / "moved" / "text.txt", "a") as file:
        file.write("one more\n")
    capsys.readouterr()
    assert main([*train, f"--data_dir={place}/moved"]) == 2
    assert "text of text_files has changed" in capsys.readouterr().err


def test_cleaning_is_shown_and_kept_with_the_run(place, capsys):
    text = (place / "text.txt").read_text()
    (place / "text.txt").write_text(text + text)
    steps = "--config.cleaning.steps=exact_duplicates"
    assert main(["prepare", f"--config={place}/config.py", steps]) == 0
    assert "exact_duplicates" in capsys.readouterr().out
    assert main(["train", f"--config={place}/config.py", f"--workdir={place}/run", steps]) == 0
    record = RunFolder(place / "run").data_record()
    (prepared,) = (place / "cache").glob("text_files-*")
    assert record["cleaning"] == json.loads((prepared / "manifest.json").read_text())["cleaning"]
    assert "exact_duplicates" in json.dumps(record["cleaning"])


def test_it_needs_no_tensorflow(place):
    code = (
        "import sys; from lm_zoo.cli.main import main; status = main(sys.argv[1:]);"
        "print(status, [m for m in ('tensorflow', 'keras') if m in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code, "prepare", f"--config={place}/config.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert output.splitlines()[-1] == "0 []"


def refused(place, capsys, *arguments):
    """Runs a command that must be refused; returns its one line."""
    capsys.readouterr()
    assert main(["prepare", *arguments]) == 2
    output, errors = capsys.readouterr()
    assert output == "" and errors.count("\n") == 1 and "Traceback" not in errors
    assert not list(place.glob("cache/text_files-*"))
    return errors


def test_mistakes_are_one_line(place, capsys):
    config = f"--config={place}/config.py"
    assert "--config is required" in refused(place, capsys)
    assert "unexpected argument" in refused(place, capsys, config, "more")
    assert "--processes" in refused(place, capsys, config, "--processes=-1")
    assert "vocab_size" in refused(place, capsys, config, "--config.tokenizer.vocab_size=5")
    made = refused(place, capsys, "--config=synthetic_gru", "--data_dir=x")
    assert "--data_dir" in made and "'synthetic'" in made
    nowhere = f"--config.corpus.train_files={place}/nowhere.txt"
    assert "nowhere.txt" in refused(place, capsys, config, nowhere)
    (place / "file").write_text("in the way")
    in_the_way = f"--config.data.cache_dir={place}/file/cache"
    assert "data.cache_dir: could not write" in refused(place, capsys, config, in_the_way)


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(place):
    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    arguments = ("prepare", f"--config={place}/config.py", "--config.tokenizer.name=byte")
    full = process(*arguments, preexec_fn=limited)
    output, errors = full.communicate()
    assert (full.returncode, output, errors.count("\n")) == (2, "", 1), errors
    assert "data.cache_dir: could not write into" in errors and "File too large" in errors
    assert not list((place / "cache").glob("text_files-*"))
    again = process(*arguments)
    assert again.wait() == 0
    assert not list((place / "cache").glob(".lm_zoo-*"))


def test_a_line_of_a_gigabyte_is_refused_within_little_memory(place):
    with open(place / "text.txt", "ab") as file:
        file.truncate(1 << 30)  # zeros, and no line end
    command = process("prepare", f"--config={place}/config.py")
    peak = 0
    while command.poll() is None:
        peak = max(peak, peak_memory(command.pid))
        time.sleep(0.005)
    _, errors = command.communicate()
    assert command.returncode == 2 and errors.count("\n") == 1, errors
    assert "text.txt" in errors and "line 201" in errors
    assert 20 << 20 < peak < 1 << 30
    assert not list(place.glob("cache/text_files-*"))


def test_ctrl_c_ends_all_processes_quietly(place):
    line = (place / "text.txt").read_bytes()
    (place / "text.txt").write_bytes(line * (30_000_000 // len(line)))
    arguments = ("--config.tokenizer.name=byte", "--processes=2")
    command = process("prepare", f"--config={place}/config.py", *arguments)
    end = time.monotonic() + 60
    while not list(place.glob("cache/.lm_zoo-work-text_files-*/blocks-*/*.json")):
        assert time.monotonic() < end and command.poll() is None
        time.sleep(0.01)
    os.killpg(command.pid, signal.SIGINT)  # as a terminal does
    output, errors = command.communicate(timeout=60)
    assert command.returncode == 130
    assert errors.splitlines()[-1] == "lm-zoo prepare: interrupted" and "Traceback" not in errors
    assert not list(place.glob("cache/text_files-*"))
