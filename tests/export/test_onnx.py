"""ONNX files: every model gives there what it gives here, for any number of rows and tokens."""

import json
import sys

import numpy as np
import pytest

import lm_zoo
from lm_zoo.cli.main import main
from lm_zoo.export.saved_model import copy_of
from lm_zoo.export.stored_weights import StoredWeights
from lm_zoo.export.token_models import onnx, token_functions
from lm_zoo.export.token_models.token_functions import TokenFunctions
from lm_zoo.registry import build_model
from tests.conformance.models import VARIANTS

VOCAB = 50
QUICK = ("lstm_lm", "transformer_decoder_modern")
runtime = pytest.importorskip("onnxruntime")
converter = pytest.importorskip("tf2onnx.convert")


@pytest.mark.parametrize(
    "variant",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in VARIANTS],
)
def test_every_model_scores_and_decodes_as_in_python(variant):
    name, arguments = VARIANTS[variant]
    model = build_model(name, vocab_size=VOCAB, seed=1, **arguments)
    weights = StoredWeights(model)
    model = copy_of(model, model.context_length)
    weights.assign_to(model)
    functions = TokenFunctions(model, weights)
    sessions = {
        name: runtime.InferenceSession(onnx.convert(converter, getattr(functions, name)))
        for name in onnx.FILES
    }
    for rows, length in ((1, 16), (3, 9)):
        token_ids = np.random.default_rng(0).integers(0, VOCAB, (rows, length + 1), np.int32)
        parity = onnx.check(model, functions, sessions, token_ids)
        assert max(parity.largest_difference.values()) < 1e-5
        assert (parity.tokens, parity.steps) == (rows * length, rows * length)


def test_the_command_writes_files_that_onnx_runtime_reads(trained_run, tmp_path, capsys):
    flags = [f"--workdir={trained_run}", f"--output={tmp_path}"]
    assert main(["export", "--format=onnx", *flags]) == 0
    assert "Verified by ONNX Runtime: score " in capsys.readouterr().out
    (output,) = tmp_path.glob("*-onnx/1")
    assert {path.name for path in output.iterdir()} == {
        "README.md",
        "SHA256SUMS",
        "decode.onnx",
        "fields",
        "model_card.json",
        "score.onnx",
    }
    card = json.loads((output / "model_card.json").read_text())
    assert {"tf2onnx", "onnxruntime", "tensorflow"} <= set(card["made_by"])
    assert card["files"] == {"score": "score.onnx", "decode": "decode.onnx"}

    run = lm_zoo.load(trained_run)
    token_ids = [*run.tokenizer.start_ids, *run.tokenizer.encode("abcdefgh")]
    session = runtime.InferenceSession(str(output / "score.onnx"))
    (log_probs,) = session.run(["log_probs"], {"token_ids": np.array([token_ids], np.int32)})
    (score,) = run.score("abcdefgh")
    np.testing.assert_allclose(log_probs.sum(), score.log_prob, rtol=1e-5)


def test_options_of_other_forms_are_refused(trained_run, tmp_path, capsys):
    flags = [f"--workdir={trained_run}", f"--output={tmp_path / 'out'}", "--max_length=8"]
    assert main(["export", "--format=onnx", *flags]) == 2
    assert "max_length: the format 'onnx' has no such option" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_missing_converter_is_named(trained_run, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx.convert", None)
    flags = [f"--workdir={trained_run}", f"--output={tmp_path / 'out'}"]
    assert main(["export", "--format=onnx", *flags]) == 2
    assert 'run `pip install "lm_zoo[onnx]"`' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_model_beyond_the_size_of_a_file_is_refused(trained_run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(token_functions, "MAX_BYTES", 1000)
    flags = [f"--workdir={trained_run}", f"--output={tmp_path / 'out'}"]
    assert main(["export", "--format=onnx", *flags]) == 2
    assert "a file of 'onnx' holds at most 1,000 bytes of weights" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
