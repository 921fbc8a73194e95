"""Users' mistakes with `lm-zoo export`: one line, exit status 2, and nothing written."""

import importlib
import inspect
import os
import shutil

import pytest

from lm_zoo.cli.main import main
from lm_zoo.errors import UserError
from lm_zoo.export import saved_model
from lm_zoo.export.export import export
from lm_zoo.export.formats import FORMATS, OPTIONS
from lm_zoo.run import load


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ([], ["--workdir is required"]),
        (["--workdir=RUN"], ["--output is required"]),
        (["--workdir=ROOT/nowhere", "--output=OUT"], ["workdir", "nowhere", "does not exist"]),
        (["--workdir=ROOT", "--output=OUT"], ["no config.json"]),
        (["--workdir=ROOT/untrained", "--output=OUT"], ["checkpoint: none in"]),
        (["--workdir=RUN", "--output=OUT", "--checkpoint=3"], ["checkpoint: no step 3", "2, 4"]),
        (["--workdir=RUN", "--output=OUT", "x"], ["unexpected argument 'x'"]),
        (["--workdir=RUN", "--output=OUT", "--format=saved"], ["'saved_model'", "'saved'"]),
        (["--workdir=RUN", "--output=OUT", "--precision=int4"], ["precision", "int8", "'int4'"]),
        (
            ["--workdir=RUN", "--output=OUT", "--max_length=-1"],
            ["--max_length", "at least 0", "-1"],
        ),
        (["--workdir=RUN", "--output=OUT", "--max_length=25"], ["from 1 to 24", "received 25"]),
        (
            ["--workdir=RUN", "--output=OUT", "--max_length=x"],
            ["max_length", "whole number", "'x'"],
        ),
        (["--workdir=RUN", "--output=OUT", "--signatures=scores"], ["'scores'", "'score'?"]),
        (["--workdir=RUN", "--output=OUT", "--signatures="], ["signatures", "at least one"]),
        (["--workdir=RUN", "--output=OUT", "--name=../up"], ["name", "'../up'"]),
        (["--workdir=RUN", "--output=ROOT/file"], ["output:", "is a file; expected a folder"]),
        (["--workdir=RUN", "--output=ROOT/file/deeper"], ["cannot write", "is a file"]),
    ],
    ids=lambda value: " ".join(value)[:50],
)
def test_one_line_says_what_was_wrong(trained_run, tmp_path, capsys, arguments, expected):
    (tmp_path / "file").write_text("x")
    shutil.copytree(trained_run, tmp_path / "untrained")
    shutil.rmtree(tmp_path / "untrained" / "checkpoints")
    before = sorted(tmp_path.rglob("*"))
    places = {"ROOT": tmp_path, "RUN": trained_run, "OUT": tmp_path / "out" / "deeper"}
    for name, path in places.items():
        arguments = [argument.replace(name, str(path)) for argument in arguments]
    assert main(["export", *arguments]) == 2
    output, errors = capsys.readouterr()
    assert errors.count("\n") == 1 and "Traceback" not in errors and not output
    for part in expected:
        assert part in errors
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_cannot_be_written(trained_run, tmp_path, capsys):
    if not os.geteuid():
        pytest.skip("root can write everywhere")
    tmp_path.chmod(0o500)
    assert main(["export", f"--workdir={trained_run}", f"--output={tmp_path}/out"]) == 2
    assert "make the folder writable" in capsys.readouterr().err


def test_the_options_of_a_form_are_those_of_its_function():
    for form, (module, _) in FORMATS.items():
        write = importlib.import_module(module).write
        options = [name for name in list(inspect.signature(write).parameters)[2:] if name != "name"]
        assert options == list(OPTIONS.get(form, ())), form


def test_other_forms_refuse_what_they_do_not_have(trained_run, tmp_path):
    with pytest.raises(UserError, match="size: the format 'saved_model' has no such option"):
        export(load(trained_run), tmp_path / "out", size=3)
    with pytest.raises(UserError, match="format: unknown name 'saved'"):
        export(load(trained_run), tmp_path / "out", format="saved")
    assert list(tmp_path.iterdir()) == []


def test_a_form_is_not_written_among_versions_of_another(trained_run, tmp_path):
    (tmp_path / "served" / "1").mkdir(parents=True)
    (tmp_path / "served" / "1" / "saved_model.pb").touch()
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UserError, match="served has versions of another format"):
        export(load(trained_run), tmp_path, format="hugging_face", name="served")
    with pytest.raises(UserError, match="is a file; expected a folder"):
        export(load(trained_run), tmp_path / "mine", format="hugging_face")


def test_a_tokenizer_without_a_form_in_the_graph_is_told_at_once(
    trained_run, tmp_path, monkeypatch
):
    """One that a user has registered, say; nothing slow has been done by then."""
    run = load(trained_run)
    monkeypatch.setattr(run.tokenizer, "name", "morphemes")
    monkeypatch.setattr(saved_model, "StoredWeights", None)
    with pytest.raises(UserError, match="^tokenizer: a SavedModel reads text, but 'morphemes' has"):
        export(run, tmp_path / "here")
    assert list(tmp_path.iterdir()) == []
