"""Exports carry checksums, which `serve` verifies before it loads, and so runs, anything."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess

import pytest
import tensorflow as tf

from lm_zoo.cli.main import main
from lm_zoo.errors import UserError
from lm_zoo.files import checksums
from lm_zoo.serving.served_model import ServedModel
from tests.serving.conftest import NAME

CARD = "model_card.json"
DATA = "variables/variables.data-00000-of-00001"


@pytest.fixture
def export(exported_run, tmp_path):
    """A copy of the export, to be changed."""
    shutil.copytree(exported_run / "exports" / NAME, tmp_path / NAME)
    return tmp_path / NAME / "1"


def refused(export, *flags):
    """What `serve` says, which must be one line, and loads nothing."""
    with pytest.raises(UserError) as caught:
        ServedModel(export.parent, *flags)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_another_program_reads_them_too(export):
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    subprocess.run(command, cwd=export, check=True)
    listed = {line.split("  ")[1] for line in (export / "SHA256SUMS").read_text().splitlines()}
    files = {str(p.relative_to(export)) for p in export.rglob("*") if p.is_file()}
    assert listed == files - {"SHA256SUMS"} and {CARD, DATA, "saved_model.pb"} < listed
    assert ServedModel(export.parent).generation.name == "generate"


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


CHANGES = {
    "a bit of the weights": (lambda e: flip(e / DATA), f"'{DATA}' is changed"),
    "the graph": (lambda e: flip(e / "saved_model.pb"), "'saved_model.pb' is changed"),
    "the card": (lambda e: flip(e / CARD), f"'{CARD}' is changed"),
    "the warm-up": (lambda e: (e / DATA).write_bytes(b""), "is changed"),
    "a file less": (lambda e: (e / DATA).unlink(), f"'{DATA}' is missing"),
    "a file more": (lambda e: (e / "assets" / "new").write_text(""), "'assets/new' is not in the"),
    "two more": (lambda e: [(e / n).touch() for n in ("a\nb", "c")], "and 1 more"),
    "a FIFO": (lambda e: os.mkfifo(e / "pipe"), "'pipe' is not in the list"),
    "a FIFO in its place": (lambda e: ((e / DATA).unlink(), os.mkfifo(e / DATA)), "is missing"),
    "a linked folder": (lambda e: (e / "more").symlink_to("/etc"), "'more' is not in the list"),
    "a link to nothing": (lambda e: (e / "more").symlink_to("nowhere"), "'more' is not in the"),
    "no list": (lambda e: (e / "SHA256SUMS").unlink(), "has no SHA256SUMS"),
    "an empty list": (lambda e: (e / "SHA256SUMS").write_text(""), "SHA256SUMS is damaged"),
    "bytes": (lambda e: (e / "SHA256SUMS").write_bytes(b"\xff\n"), "SHA256SUMS is damaged"),
    "a folder": (
        lambda e: ((e / "SHA256SUMS").unlink(), (e / "SHA256SUMS").mkdir()),
        "SHA256SUMS cannot be read",
    ),
    "endless": (lambda e: (e / "SHA256SUMS").write_bytes(b"0" * 2**22), "cannot be read (it has"),
    "a file elsewhere": (
        lambda e: (e / "SHA256SUMS").open("a").write(f"{'0' * 64}  ../../../etc/passwd\n"),
        "'../../../etc/passwd' is missing",
    ),
    "one file twice": (
        lambda e: (e / "SHA256SUMS").open("a").write(f"{'0' * 64}  {DATA}\n"),
        "SHA256SUMS is damaged",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_is_not_loaded(export, name):
    change, words = CHANGES[name]
    change(export)
    said = refused(export)
    assert words in said and "--trust_unverified" in said


class Hostile(tf.Module):
    """Writes a file when `serve` warms it up: nothing in TensorFlow keeps it from that."""

    def __init__(self, path):
        self.path = path

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def score(self, text):
        with tf.control_dependencies([tf.io.write_file(self.path, "hostile")]):
            return {"log_prob": tf.zeros([tf.size(text)])}


def test_a_program_in_its_place_is_not_run_unless_asked_for(export, tmp_path, capfd):
    hostile, mark = Hostile(str(tmp_path / "mark")), tmp_path / "mark"
    tf.saved_model.save(hostile, str(export), signatures={"score": hostile.score})
    assert main(["serve", f"--model={export}", "--port=0"]) == 2
    errors = capfd.readouterr().err
    assert errors.count("\n") == 1 and "is changed" in errors and not mark.exists()
    ServedModel(export, trust=True).warm_up()
    assert mark.exists()


def test_a_card_imports_no_module_but_those_of_tokenizers(export):
    card = json.loads((export / CARD).read_text())
    for needs in ("antigravity", "os", "tensorflow_text.evil", None, ["tensorflow_text"], 5):
        (export / CARD).write_text(json.dumps(card | {"saved_model_needs": needs}))
        checksums.write(export)
        said = refused(export)
        assert "model_card.json" in said and "saved_model_needs" in said
        if isinstance(needs, str):
            assert f"expected one of '', 'tensorflow_text', received {needs!r}" in said


def test_the_list_is_known_by_its_own_checksum(export):
    digest = hashlib.sha256((export / "SHA256SUMS").read_bytes()).hexdigest()
    assert ServedModel(export, digest.upper()).version == 1
    (export / "assets" / "more").touch()
    checksums.write(export)  # as anyone can
    assert f"expected {export}/SHA256SUMS to have the SHA-256 '{digest}'" in refused(export, digest)


@pytest.mark.parametrize("flags", [["--sha256=12"], ["--sha256=" + "0" * 64, "--trust_unverified"]])
def test_flags_that_do_not_fit(export, flags, capsys):
    assert main(["serve", f"--model={export}", "--port=0", *flags]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and "--sha256: expected 64 hexadecimal digits" in errors


def test_weights_for_others_are_verified_when_they_come_back(run, tmp_path):
    """All but the page, which is for the user to go on with, and what others put beside them."""
    from lm_zoo.export.export import export as write_export
    from lm_zoo.weights.importing import import_run

    folder, _ = write_export(run, tmp_path / "export", "hugging_face")
    (folder / "README.md").write_text("Mine.")
    (folder / ".gitattributes").write_text("")
    tokenizer = run.tokenizer
    import_run(folder, tmp_path / "imported", tokenizer=tokenizer)
    flip(folder / "model.safetensors")
    with pytest.raises(UserError, match="'model.safetensors' is changed"):
        import_run(folder, tmp_path / "again", tokenizer=tokenizer)
    assert not (tmp_path / "again").exists()
    (folder / "SHA256SUMS").unlink()
    import_run(pathlib.Path(folder), tmp_path / "again", tokenizer=tokenizer)
